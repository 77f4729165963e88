/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image as far as it is here: written from its beginning on, with holes for zeros. */
#ifndef WNODES_FETCH_PART_H
#define WNODES_FETCH_PART_H

#include <stddef.h>
#include <stdint.h>

/* The file is written, or left as a hole, in aligned pieces of so many bytes. */
#define PART_PIECE (UINT64_C(64) << 10)

struct part {
	int fd;
	uint64_t size;      /* bytes of the image that are here or in the buffer */
	uint64_t written;   /* of these, in the file */
	uint64_t max;       /* no image may be larger */
	uint64_t writeback; /* up to here the kernel has been asked to write to the disk */
	uint8_t *buffer;
};

/** Have part write to fd, no more than max bytes. Returns 0 or -ENOMEM. part_close() when done. */
int part_open(struct part *part, int fd, uint64_t max);

/** Keep the first size bytes and continue behind them. Returns 0 or a negative errno. */
int part_begin(struct part *part, uint64_t size);

/**
 * Append data. A kill at any moment leaves a file that is a prefix of the
 * image. Returns 0, -EFBIG beyond part->max, or the errno of pwrite(2).
 */
int part_write(struct part *part, const void *data, size_t length);

/** What the buffer holds goes to the file. Returns 0 or a negative errno. */
int part_flush(struct part *part);

/** The image is whole: flush, and have the file end where it ends. Returns 0 or a negative errno. */
int part_end(struct part *part);

/** Free the buffer; the descriptor is the caller's. */
void part_close(struct part *part);

#endif
