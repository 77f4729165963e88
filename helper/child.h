/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that is not root's: in a child that has become a user, for a bounded time. */
#ifndef WNODES_HELPER_CHILD_H
#define WNODES_HELPER_CHILD_H

#include <sys/types.h>

#include "helper/failure.h"

struct child {
	const char *task; /* what fails if it does: begins the message */
	uid_t uid;        /* not root's */
	gid_t gid;        /* its only group */
	unsigned int ms;  /* it gets so many */
	/*
	 * The work, in the child: all ids are the user's for good, it gains no
	 * privileges by executing a program, signals have their defaults, and
	 * stderr is a pipe to the parent. Returns the exit code, or executes.
	 */
	int (*work)(void *context);
	void *context;
};

/**
 * Run the child and wait for it. Returns 0 where it has ended with 0; else
 * -EIO with why (EXIT_NODE), which has what it wrote to stderr, as one line.
 * One that does not end in time is killed; so is one whose parent ends.
 */
int child_run(const struct child *child, struct failure *why);

/** A child's work: execute program, by its absolute path, with an empty environment; its error goes to stderr. */
int child_execute(const char *program, char *const argv[]);

#endif
