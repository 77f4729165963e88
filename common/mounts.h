/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host directories that a machine shall see: the list, and the syntax of --vm-mount. */
#ifndef WNODES_COMMON_MOUNTS_H
#define WNODES_COMMON_MOUNTS_H

#include <stddef.h>

#define MOUNTS_MAX 16U         /* of a machine, the site's and the job's together */
#define MOUNTS_PATH_SIZE 1024U /* bytes of a path with its NUL */
#define MOUNTS_WHY_SIZE 256U

#define MOUNTS_READ_ONLY 1U /* nothing can be written */
#define MOUNTS_OPTIONAL                                                                                                \
	2U /* left out where the node has no such directory, the user may not enter it, or the guest has no driver */
#define MOUNTS_SITE 4U /* of wnodes.conf, not of the job */

/* A directory of the host, and where the guest has it. Both absolute and clean. */
struct mounts_entry {
	char source[MOUNTS_PATH_SIZE];
	char target[MOUNTS_PATH_SIZE];
	unsigned int flags; /* MOUNTS_… */
};

/* Zero-initialise before use. */
struct mounts {
	struct mounts_entry entries[MOUNTS_MAX];
	unsigned int count;
};

/**
 * Append a directory; target NULL: the same path as source. Trailing and
 * double slashes are dropped. Returns 0, or -EINVAL with one line in
 * why[MOUNTS_WHY_SIZE]: a path that is not absolute or has "." or ".." in
 * it, "/" as source, a target that would hide what the guest or the agent
 * needs, a target that is there already, one entry too many.
 */
int mounts_add(struct mounts *mounts, const char *source, const char *target, unsigned int flags, char *why);

/** Append what the list SRC[:DST][:ro|:rw],… names, with flags and its own. Returns as mounts_add(). */
int mounts_parse(struct mounts *mounts, const char *text, unsigned int flags, char *why);

#endif
