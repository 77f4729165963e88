/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of the kernel's, in /proc and /sys. */
#ifndef WNODES_GUEST_SMALL_FILE_H
#define WNODES_GUEST_SMALL_FILE_H

#include <stddef.h>
#include <sys/types.h>

/** Read the file, as much as fits, into text[size] as a string; "" where it cannot be. Its length or a negative errno.
 */
ssize_t small_file_read(const char *path, char *text, size_t size);

/** The same, and the first line alone stays. Returns 0 or a negative errno. */
int small_file_line(const char *path, char *line, size_t size);

#endif
