/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLE (UINT64_C(64) << 10)     /* zeros are left out in aligned pieces of this size */
#define WRITEBACK (UINT64_C(8) << 20) /* so that little is left to write when all is here */

int part_open(struct part *part, int fd, uint64_t max)
{
	*part = (struct part){.fd = fd, .max = max, .buffer = malloc(PART_BUFFER)};
	return part->buffer ? 0 : -ENOMEM;
}

void part_close(struct part *part)
{
	free(part->buffer);
	part->buffer = NULL;
}

int part_begin(struct part *part, uint64_t size)
{
	part->size = part->written = part->writeback = size;
	return ftruncate(part->fd, (off_t)size) < 0 ? -errno : 0;
}

static bool is_zero(const uint8_t *data, size_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

static int write_all(int fd, const uint8_t *data, size_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* How many bytes from here on are aligned pieces of zeros, or, with zeros false, are not. */
static size_t run_of(const uint8_t *data, size_t length, uint64_t offset, bool zeros)
{
	size_t run = 0;

	while (run < length) {
		size_t next = (size_t)(HOLE - (offset + run) % HOLE);

		if (next > length - run)
			next = length - run;
		if ((next == HOLE && is_zero(data + run, next)) != zeros)
			break;
		run += next;
	}
	return run;
}

static void write_back(struct part *part)
{
	if (part->written - part->writeback < WRITEBACK)
		return;
	(void)sync_file_range(part->fd, (off_t)part->writeback, (off_t)(part->written - part->writeback),
	                      SYNC_FILE_RANGE_WRITE);
	part->writeback = part->written;
}

int part_flush(struct part *part)
{
	const uint8_t *data = part->buffer;
	int rc = 0;

	while (rc == 0 && part->written < part->size) {
		size_t left = (size_t)(part->size - part->written);
		size_t run = run_of(data, left, part->written, true);

		if (run == 0) {
			run = run_of(data, left, part->written, false);
			rc = write_all(part->fd, data, run, part->written);
		}
		data += run;
		part->written += run;
	}
	write_back(part);
	return rc;
}

int part_write(struct part *part, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	int rc = 0;

	if (length > part->max || part->size > part->max - length)
		return -EFBIG;
	while (rc == 0 && length > 0) {
		size_t used = (size_t)(part->size - part->written);
		/* the file is written in pieces that begin where the buffer's multiples do */
		size_t room = (size_t)(PART_BUFFER - part->written % PART_BUFFER) - used;
		size_t n = length < room ? length : room;

		memcpy(part->buffer + used, bytes, n);
		part->size += n;
		bytes += n;
		length -= n;
		if (n == room)
			rc = part_flush(part);
	}
	return rc;
}

int part_end(struct part *part)
{
	int rc = part_flush(part);

	if (rc == 0 && ftruncate(part->fd, (off_t)part->size) < 0)
		rc = -errno;
	return rc;
}
