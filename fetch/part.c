/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/write.h"

#define WRITEBACK (UINT64_C(8) << 20) /* so that little is left to write when all is here */

int part_open(struct part *part, int fd, uint64_t max)
{
	*part = (struct part){.fd = fd, .max = max, .buffer = malloc(PART_PIECE)};
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

static void write_back(struct part *part)
{
	if (part->written - part->writeback < WRITEBACK)
		return;
	(void)sync_file_range(part->fd, (off_t)part->writeback, (off_t)(part->written - part->writeback),
	                      SYNC_FILE_RANGE_WRITE);
	part->writeback = part->written;
}

/* The next piece of the file, or what there is of it. */
static int write_piece(struct part *part, const uint8_t *data, size_t length)
{
	int rc = 0;

	if (length < PART_PIECE || !is_zero(data, length))
		rc = write_all_at(part->fd, data, length, part->written);
	if (rc < 0)
		return rc;
	part->written += length;
	write_back(part);
	return 0;
}

int part_flush(struct part *part)
{
	size_t used = (size_t)(part->size - part->written);

	return used > 0 ? write_piece(part, part->buffer, used) : 0;
}

int part_write(struct part *part, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	int rc = 0;

	if (length > part->max || part->size > part->max - length)
		return -EFBIG;
	while (rc == 0 && length > 0) {
		size_t used = (size_t)(part->size - part->written);
		size_t room = (size_t)(PART_PIECE - part->size % PART_PIECE);
		size_t n = length < room ? length : room;

		if (used == 0 && n == room) {
			rc = write_piece(part, bytes, n);
			part->size = part->written;
		} else {
			memcpy(part->buffer + used, bytes, n);
			part->size += n;
			rc = n == room ? part_flush(part) : 0;
		}
		bytes += n;
		length -= n;
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
