/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing the whole of something, also where write(2) takes it in parts or is interrupted. */
#ifndef WNODES_COMMON_WRITE_H
#define WNODES_COMMON_WRITE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/** Write bytes[size] to fd, which blocks. Returns 0 or a negative errno. */
static inline int write_all(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/** The same at offset, in bytes, of a file. */
static inline int write_all_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
	const uint8_t *at = bytes;

	while (size > 0) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

#endif
