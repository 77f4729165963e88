/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper does as somebody else than root, in a child: with his rights alone, for good. */
#ifndef WNODES_HELPER_CHILD_H
#define WNODES_HELPER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/failure.h"

struct child {
	const char *program; /* absolute; NULL: work */
	char *const *argv;
	int (*work)(void *context); /* with all descriptors; returns the exit code */
	void *context;
	uid_t uid; /* not root */
	gid_t gid;
	const gid_t *groups; /* besides gid; NULL: none */
	size_t group_count;
	bool hidden;    /* its user's other processes may not look into the program, unless that is a script */
	bool is_roots;  /* a program of the system's that needs root: uid, gid and capabilities stay the caller's */
	const int *fds; /* stay open in it, under their numbers, besides 0 to 2 */
	size_t fd_count;
	int out, err;                  /* its standard output and error; -1: /dev/null */
	uint64_t file_max, memory_max; /* bytes; 0: no limit */
};

/**
 * Execute the program, or do the work: ids, groups and capabilities the
 * user's for good (seen to be), no_new_privs, default signals, /dev/null as its
 * input. A program has an empty environment and no descriptor but those named.
 * It dies with the calling thread.
 * What keeps it from running is said on its standard error (exit 126 or 127).
 * Returns its pid or a negative errno.
 */
pid_t child_start(const struct child *child);

/** Wait for it, ms at most, then kill it; its wait status, or -ETIMEDOUT. */
int child_wait(pid_t pid, unsigned int ms);

/**
 * Set why (EXIT_NODE) to "TASK: " and how the child ended: said[], what it
 * wrote on its standard error, as one line, or its wait status, or a negative
 * errno. Returns -EIO.
 */
int child_failed(const char *task, int status, char *said, struct failure *why);

/**
 * Execute the program, which must be root's and trusted (helper/fs.h), hidden,
 * since it is in no job's cgroup, and read what it writes on its standard
 * output, or with errors on both streams, into said[size], as much as fits,
 * until the deadline, a time of clock_steady(). Returns its wait status, or a
 * negative errno: fs_open_file()'s where it cannot be trusted, or -ETIMEDOUT.
 */
int child_ask(const struct child *child, bool errors, char *said, size_t size, uint64_t deadline);

/**
 * Start it and wait for its end, ms at most. Returns 0 where it ended with 0,
 * else -EIO with why (EXIT_NODE): "TASK: " and what it said on its standard
 * error, as one line.
 */
int child_run(const struct child *child, const char *task, unsigned int ms, struct failure *why);

#endif
