/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

ssize_t small_file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : 1;
	size_t used = 0;

	/* /proc may give a page at a time */
	while (fd >= 0 && n > 0 && used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		if (n < 0)
			n = -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : used] = 0;
	return n < 0 ? n : (ssize_t)used;
}

int small_file_line(const char *path, char *line, size_t size)
{
	ssize_t length = small_file_read(path, line, size);

	line[strcspn(line, "\n")] = 0;
	return length < 0 ? (int)length : 0;
}
