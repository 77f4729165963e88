/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least ISO 9660 (ECMA-119) that carries a few files in one folder, as
 * Linux reads it since long before 2.6.32: names in capitals are shown in
 * lower case, files are root's, 0555.
 */
#ifndef WNODES_HELPER_ISO9660_H
#define WNODES_HELPER_ISO9660_H

#include <stddef.h>

#define ISO9660_NAME_MAX 30U  /* bytes, of a file's name or the label; letters, digits, '-', '_' and one dot */
#define ISO9660_FILES_MAX 16U /* their records fit in one sector */

struct iso9660_file {
	const char *name; /* in lower case */
	const void *bytes;
	size_t size; /* under 4 GiB */
};

/**
 * Write a file system called label, at fd's offset (which is 0), with the
 * files, in the ascending order of their names. Returns 0 or a negative errno:
 * -EINVAL (a name, too many files, the order), else write(2)'s.
 */
int iso9660_write(int fd, const char *label, const struct iso9660_file *files, size_t count);

#endif
