/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the setuid helper. */
#ifndef WNODES_PLUGIN_HELPER_H
#define WNODES_PLUGIN_HELPER_H

#include <stddef.h>
#include <sys/types.h>

#define HELPER_ARGUMENTS 40

struct helper_call {
	const char *argv[HELPER_ARGUMENTS + 1];
	size_t argc;
	/* Where user is set, the helper is executed as this user and groups, for good. */
	const struct helper_user {
		uid_t uid;
		gid_t gid;
		const gid_t *groups;
		size_t group_count;
	} * user;
};

/** Begin a call of verb. */
void helper_begin(struct helper_call *call, const char *verb);

/** Add `--name value`; value stays the caller's until helper_run() returns. A NULL value adds nothing. */
void helper_add(struct helper_call *call, const char *name, const char *value);

/**
 * Execute the helper with an empty environment and wait at most so many
 * seconds, then kill it, and wait two more: one that the kernel keeps is left
 * behind. What it writes to stderr goes to Slurm's log. Returns its exit code,
 * or -1 where it could not be run or was killed (logged).
 */
int helper_run(const struct helper_call *call, unsigned int seconds);

#endif
