/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "guest/partition.h"
#include "guest/partition_mbr.h"

#define HEADER_MIN 92U
#define ENTRY_MIN 128U
#define ENTRIES_MAX 4096U /* bytes of all: 512 KiB at most */

/* in the header */
#define HEADER_LENGTH 12
#define HEADER_CRC 16
#define HEADER_OWN 24
#define HEADER_OTHER 32
#define HEADER_FIRST_USABLE 40
#define HEADER_LAST_USABLE 48
#define HEADER_ENTRIES 72
#define HEADER_ENTRY_COUNT 80
#define HEADER_ENTRY_LENGTH 84
#define HEADER_ENTRIES_CRC 88
/* in an entry */
#define ENTRY_FIRST 32
#define ENTRY_LAST 40

static const char broken[] = "the GPT is damaged";

/* The primary table, with what the backup's place follows from. */
struct gpt {
	uint8_t header[4096];
	uint8_t *entries;
	uint32_t count, length; /* entries, bytes of one */
	size_t entries_length;  /* bytes of all, in whole sectors */
	uint64_t entries_lba, last_usable;
	uint64_t new_last, new_entries; /* sectors of the backup's header and entries when it is at the disk's end */
};

/* CRC-32 as UEFI has it (and Ethernet, and zlib) */
static uint32_t crc32(const uint8_t *bytes, size_t length)
{
	uint32_t crc = UINT32_MAX;

	while (length-- > 0) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

static uint32_t header_crc(const uint8_t *header)
{
	uint8_t copy[4096];
	uint32_t length = wire_u32(header + HEADER_LENGTH);

	memcpy(copy, header, length);
	wire_put_u32(copy + HEADER_CRC, 0);
	return crc32(copy, length);
}

static bool header_is_whole(const struct gpt *gpt, const struct partition_disk *disk)
{
	const uint8_t *header = gpt->header;
	uint32_t length = wire_u32(header + HEADER_LENGTH);
	uint32_t entry = wire_u32(header + HEADER_ENTRY_LENGTH), count = wire_u32(header + HEADER_ENTRY_COUNT);

	return memcmp(header, "EFI PART", 8) == 0 && length >= HEADER_MIN && length <= disk->sector &&
	       header_crc(header) == wire_u32(header + HEADER_CRC) && wire_u64(header + HEADER_OWN) == 1 &&
	       entry >= ENTRY_MIN && entry <= 4096 && (entry & (entry - 1)) == 0 && count >= 1 &&
	       count <= ENTRIES_MAX * ENTRY_MIN / entry && wire_u64(header + HEADER_ENTRIES) >= 2 &&
	       wire_u64(header + HEADER_OTHER) < disk->sectors &&
	       wire_u64(header + HEADER_LAST_USABLE) < disk->sectors &&
	       wire_u64(header + HEADER_FIRST_USABLE) <= wire_u64(header + HEADER_LAST_USABLE) &&
	       wire_u64(header + HEADER_ENTRIES) <= wire_u64(header + HEADER_FIRST_USABLE);
}

/* Returns 1, 0 with *why, or a negative errno. */
static int gpt_read(struct gpt *gpt, const struct partition_disk *disk, const char **why)
{
	size_t sectors, length;
	int rc;

	if (disk->sectors < 4)
		return -EINVAL;
	rc = partition_read(disk, disk->sector, gpt->header, disk->sector);
	if (rc < 0)
		return rc;
	if (!header_is_whole(gpt, disk)) {
		*why = broken;
		return 0;
	}
	gpt->count = wire_u32(gpt->header + HEADER_ENTRY_COUNT);
	gpt->length = wire_u32(gpt->header + HEADER_ENTRY_LENGTH);
	gpt->entries_lba = wire_u64(gpt->header + HEADER_ENTRIES);
	gpt->last_usable = wire_u64(gpt->header + HEADER_LAST_USABLE);
	length = (size_t)gpt->count * gpt->length;
	sectors = (length + disk->sector - 1) / disk->sector;
	gpt->entries_length = sectors * disk->sector;
	gpt->new_last = disk->sectors - 1;
	gpt->new_entries = gpt->new_last > sectors ? gpt->new_last - sectors : 0;
	gpt->entries = malloc(gpt->entries_length);
	if (!gpt->entries)
		return -ENOMEM;
	rc = partition_read(disk, gpt->entries_lba * disk->sector, gpt->entries, gpt->entries_length);
	if (rc < 0)
		return rc;
	if (crc32(gpt->entries, length) != wire_u32(gpt->header + HEADER_ENTRIES_CRC)) {
		*why = broken;
		return 0;
	}
	return 1;
}

static uint8_t *gpt_entry(const struct gpt *gpt, unsigned int number)
{
	return gpt->entries + (size_t)(number - 1) * gpt->length;
}

static bool is_used(const uint8_t *entry)
{
	static const uint8_t none[16];

	return memcmp(entry, none, sizeof(none)) != 0;
}

/* Whether no other entry reaches behind the partition's start; *end is where the last of all ends. */
static bool is_last(const struct gpt *gpt, const struct partition *partition, uint64_t *end)
{
	bool last = true;

	*end = 0;
	for (unsigned int n = 1; n <= gpt->count; n++) {
		const uint8_t *entry = gpt_entry(gpt, n);
		uint64_t entry_end = wire_u64(entry + ENTRY_LAST) + 1;

		if (!is_used(entry))
			continue;
		if (entry_end > *end)
			*end = entry_end;
		last = last && (n == partition->number || entry_end <= partition->start);
	}
	return last;
}

static bool is_as_read(const struct gpt *gpt, const struct partition *partition)
{
	const uint8_t *entry;

	if (partition->number < 1 || partition->number > gpt->count)
		return false;
	entry = gpt_entry(gpt, partition->number);
	return is_used(entry) && wire_u64(entry + ENTRY_FIRST) == partition->start &&
	       wire_u64(entry + ENTRY_LAST) + 1 == partition->start + partition->count;
}

/* Only the protective entry is in use. */
static bool is_plain(const uint8_t *mbr)
{
	unsigned int used = 0;

	for (unsigned int n = 1; n <= MBR_ENTRIES; n++)
		used += mbr[mbr_entry(n) + MBR_TYPE] != 0;
	return used == 1;
}

/* The protective entry covers the disk. */
static void protect(uint8_t *mbr, uint64_t sectors)
{
	for (unsigned int n = 1; n <= MBR_ENTRIES; n++) {
		uint8_t *entry = mbr + mbr_entry(n);

		if (entry[MBR_TYPE] == MBR_PROTECTIVE)
			wire_put_u32(entry + MBR_COUNT,
			             sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1));
	}
}

/* A header for the sector own, whose entries begin at entries. */
static void finish_header(const struct gpt *gpt, uint8_t *header, uint64_t own, uint64_t entries)
{
	wire_put_u64(header + HEADER_OWN, own);
	wire_put_u64(header + HEADER_OTHER, own == 1 ? gpt->new_last : 1);
	wire_put_u64(header + HEADER_ENTRIES, entries);
	wire_put_u64(header + HEADER_LAST_USABLE, gpt->new_entries - 1);
	wire_put_u32(header + HEADER_ENTRIES_CRC, crc32(gpt->entries, (size_t)gpt->count * gpt->length));
	wire_put_u32(header + HEADER_CRC, header_crc(header));
}

/* Backup first: until the primary header is written, the old table is whole. */
static int gpt_change(const struct gpt *gpt, const struct partition_disk *disk, struct partition_change *change)
{
	const uint64_t offsets[PARTITION_PIECES] = {gpt->new_entries, gpt->new_last, 0, gpt->entries_lba, 1};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < PARTITION_PIECES; i++)
		rc = partition_add(disk, change, offsets[i] * disk->sector,
		                   i == 0 || i == 3 ? gpt->entries_length : disk->sector);
	if (rc < 0)
		return rc;
	memcpy(change->piece[0].after, gpt->entries, gpt->entries_length);
	memcpy(change->piece[1].after, gpt->header, disk->sector);
	finish_header(gpt, change->piece[1].after, gpt->new_last, gpt->new_entries);
	protect(change->piece[2].after, disk->sectors);
	memcpy(change->piece[3].after, gpt->entries, gpt->entries_length);
	finish_header(gpt, change->piece[4].after, 1, gpt->entries_lba);
	return 1;
}

int partition_plan_gpt(const struct partition_disk *disk, const struct partition *partition, const uint8_t *mbr,
                       struct partition_change *change, const char **why)
{
	struct gpt gpt = {.entries = NULL};
	uint64_t end, used;
	int rc = gpt_read(&gpt, disk, why);
	bool last;

	if (rc <= 0)
		goto out;
	rc = 0;
	last = is_last(&gpt, partition, &used);
	end = partition_end(disk, used, gpt.new_entries);
	if (end == 0)
		goto out;
	if (!is_plain(mbr))
		*why = "the MBR beside the GPT has partitions, too";
	else if (!last)
		*why = "another partition lies behind it";
	else if (!is_as_read(&gpt, partition))
		*why = "the partition table is not the one that the kernel has read";
	if (*why)
		goto out;
	change->count = end - partition->start;
	wire_put_u64(gpt_entry(&gpt, partition->number) + ENTRY_LAST, end - 1);
	rc = gpt_change(&gpt, disk, change);
out:
	free(gpt.entries);
	return rc;
}
