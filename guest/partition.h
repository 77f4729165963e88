/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The partition table of a disk that has become larger: what is to be written
 * so that its last partition reaches to the disk's end. GPT (UEFI's
 * specification, 5.3) and MBR (5.2). A table that is not wholly understood is
 * left alone.
 */
#ifndef WNODES_GUEST_PARTITION_H
#define WNODES_GUEST_PARTITION_H

#include <stddef.h>
#include <stdint.h>

#define PARTITION_PIECES 5

struct partition_disk {
	int fd;
	uint64_t sectors;
	uint32_t sector; /* bytes of one: a power of two from 512 to 4096 */
};

/* Lengths and places in the disk's sectors. */
struct partition {
	unsigned int number; /* from 1 on, as the kernel counts them */
	uint64_t start, count;
};

/* Bytes that change, in the order in which to write them. */
struct partition_change {
	uint64_t count; /* the partition's new length in sectors */
	size_t pieces;
	struct {
		uint64_t offset; /* bytes */
		size_t length;
		uint8_t *before, *after;
	} piece[PARTITION_PIECES];
};

/**
 * Find out how the partition can grow. Returns 1 with the change, which
 * partition_free() frees; 0 where there is less than 1 MiB to gain, or the
 * table is such that the partition cannot grow: then *why, else NULL, says so
 * and is static; or a negative errno of reading.
 */
int partition_plan(const struct partition_disk *disk, const struct partition *partition,
                   struct partition_change *change, const char **why);

/**
 * Write the change to the disk and wait until it is there. Returns 0, or a
 * negative errno: then what had been written is undone, as far as the disk lets it.
 */
int partition_write(const struct partition_disk *disk, const struct partition_change *change);

void partition_free(struct partition_change *change);

/* --- for partition_gpt.c --- */

/**
 * Where a partition ends, on a whole MiB, that may take up what is before
 * limit; used is where the disk's last partition ends now. Returns 0 where
 * there is less than 1 MiB to gain. All in sectors.
 */
uint64_t partition_end(const struct partition_disk *disk, uint64_t used, uint64_t limit);

/** length bytes at offset. Returns 0 or a negative errno. */
int partition_read(const struct partition_disk *disk, uint64_t offset, void *bytes, size_t length);

/**
 * Add a piece: what is at offset now is read, after becomes a copy of it.
 * Returns 0 or a negative errno.
 */
int partition_add(const struct partition_disk *disk, struct partition_change *change, uint64_t offset, size_t length);

/** As partition_plan(), of a disk whose MBR, mbr[512], is a protective one. */
int partition_plan_gpt(const struct partition_disk *disk, const struct partition *partition, const uint8_t *mbr,
                       struct partition_change *change, const char **why);

#endif
