/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/partition.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire.h"
#include "common/write.h"
#include "guest/partition_mbr.h"

#define GRAIN (1U << 20) /* bytes: partitions end on multiples of it, and grow by no less */
#define MBR_LIMIT UINT64_C(0xffffffff)

uint64_t partition_end(const struct partition_disk *disk, uint64_t used, uint64_t limit)
{
	uint64_t grain = GRAIN / disk->sector, end = limit - limit % grain;

	return used + grain <= end ? end : 0;
}

int partition_read(const struct partition_disk *disk, uint64_t offset, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length > 0) {
		ssize_t rc = pread(disk->fd, at, length, (off_t)offset);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return rc < 0 ? -errno : -EIO;
		at += rc;
		offset += (uint64_t)rc;
		length -= (size_t)rc;
	}
	return 0;
}

int partition_add(const struct partition_disk *disk, struct partition_change *change, uint64_t offset, size_t length)
{
	size_t n = change->pieces;
	int rc;

	if (n == PARTITION_PIECES)
		return -E2BIG;
	change->piece[n].offset = offset;
	change->piece[n].length = length;
	change->piece[n].before = malloc(length);
	change->piece[n].after = malloc(length);
	change->pieces++;
	if (!change->piece[n].before || !change->piece[n].after)
		return -ENOMEM;
	rc = partition_read(disk, offset, change->piece[n].before, length);
	if (rc == 0)
		memcpy(change->piece[n].after, change->piece[n].before, length);
	return rc;
}

void partition_free(struct partition_change *change)
{
	for (size_t i = 0; i < change->pieces; i++) {
		free(change->piece[i].before);
		free(change->piece[i].after);
	}
	change->pieces = 0;
}

/* Whether no other entry reaches behind the partition's start; *end is where the last of all ends. */
static bool is_last_of_mbr(const uint8_t *mbr, const struct partition *partition, uint64_t *end)
{
	bool last = true;

	*end = 0;
	for (unsigned int n = 1; n <= MBR_ENTRIES; n++) {
		const uint8_t *entry = mbr + mbr_entry(n);
		uint64_t entry_end = (uint64_t)wire_u32(entry + MBR_START) + wire_u32(entry + MBR_COUNT);

		if (entry[MBR_TYPE] == 0 || wire_u32(entry + MBR_COUNT) == 0)
			continue;
		if (entry_end > *end)
			*end = entry_end;
		last = last && (n == partition->number || entry_end <= partition->start);
	}
	return last;
}

static int plan_mbr(const struct partition_disk *disk, const struct partition *partition, const uint8_t *mbr,
                    struct partition_change *change, const char **why)
{
	const uint8_t *own = mbr + mbr_entry(partition->number <= MBR_ENTRIES ? partition->number : 1);
	uint64_t used, end;
	bool last = is_last_of_mbr(mbr, partition, &used);
	uint8_t *entry;
	int rc;

	end = partition_end(disk, used, disk->sectors < MBR_LIMIT ? disk->sectors : MBR_LIMIT);
	if (end == 0)
		return 0;
	if (partition->number > MBR_ENTRIES)
		*why = "it is a logical partition";
	else if (!last)
		*why = "another partition lies behind it";
	else if (wire_u32(own + MBR_START) != partition->start || wire_u32(own + MBR_COUNT) != partition->count)
		*why = "the partition table is not the one that the kernel has read";
	if (*why)
		return 0;
	change->count = end - partition->start;
	rc = partition_add(disk, change, 0, disk->sector);
	if (rc < 0)
		return rc;
	entry = change->piece[0].after + mbr_entry(partition->number);
	wire_put_u32(entry + MBR_COUNT, (uint32_t)change->count);
	/* cylinder, head and sector of the end are beyond what these bytes can say */
	memcpy(entry + MBR_END_CHS, "\xfe\xff\xff", 3);
	return 1;
}

static bool is_protective(const uint8_t *mbr)
{
	for (unsigned int n = 1; n <= MBR_ENTRIES; n++)
		if (mbr[mbr_entry(n) + MBR_TYPE] == MBR_PROTECTIVE)
			return true;
	return false;
}

int partition_plan(const struct partition_disk *disk, const struct partition *partition,
                   struct partition_change *change, const char **why)
{
	uint8_t mbr[MBR_LENGTH];
	int rc;

	*why = NULL;
	memset(change, 0, sizeof(*change));
	if (disk->sector < 512 || disk->sector > 4096 || (disk->sector & (disk->sector - 1)))
		return -EINVAL;
	rc = partition_read(disk, 0, mbr, sizeof(mbr));
	if (rc < 0)
		return rc;
	if (mbr[MBR_LENGTH - 2] != 0x55 || mbr[MBR_LENGTH - 1] != 0xaa)
		*why = "the partition table is neither GPT nor MBR";
	else if (is_protective(mbr))
		rc = partition_plan_gpt(disk, partition, mbr, change, why);
	else
		rc = plan_mbr(disk, partition, mbr, change, why);
	if (rc <= 0)
		partition_free(change);
	return rc;
}

int partition_write(const struct partition_disk *disk, const struct partition_change *change)
{
	size_t done = 0;
	int rc = 0;

	/* each on the disk before the next: there is a whole table at any moment */
	while (rc == 0 && done < change->pieces) {
		rc = write_all_at(disk->fd, change->piece[done].after, change->piece[done].length,
		                  change->piece[done].offset);
		if (rc == 0 && fsync(disk->fd) < 0)
			rc = -errno;
		done++;
	}
	if (rc == 0)
		return 0;
	while (done > 0) {
		done--;
		(void)write_all_at(disk->fd, change->piece[done].before, change->piece[done].length,
		                   change->piece[done].offset);
	}
	(void)fsync(disk->fd);
	return rc;
}
