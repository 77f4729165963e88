/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that the helper executes, as somebody else than root: with his rights alone, for good. */
#ifndef WNODES_HELPER_CHILD_H
#define WNODES_HELPER_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_SAID 256U /* bytes of what a child says on its standard error */

struct child {
	const char *program; /* absolute */
	char *const *argv;
	uid_t uid; /* not root */
	gid_t gid;
	const int *fds; /* stay open in it, under their numbers, besides 0 to 2 */
	size_t fd_count;
	int out, err;                  /* its standard output and error; -1: /dev/null */
	uint64_t file_max, memory_max; /* bytes; 0: no limit */
};

/**
 * Execute the program: ids, groups and capabilities the user's for good (seen
 * to be), no_new_privs, an empty environment, default signals, /dev/null as
 * its input, no descriptor but those named. It dies with the calling thread.
 * What keeps it from running is said on its standard error (exit 126 or 127).
 * Returns its pid or a negative errno.
 */
pid_t child_start(const struct child *child);

/** Wait for it, ms at most, then kill it; its wait status, or -ETIMEDOUT. */
int child_wait(pid_t pid, unsigned int ms);

/**
 * Execute it and wait, ms at most; said receives what it said on its standard
 * error as one line. Returns its wait status or a negative errno.
 */
int child_run(struct child *child, unsigned int ms, char said[CHILD_SAID]);

#endif
