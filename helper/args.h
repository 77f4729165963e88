/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: `wnodes-helper VERB --NAME VALUE …`. Parsed without a look at the environment. */
#ifndef WNODES_HELPER_ARGS_H
#define WNODES_HELPER_ARGS_H

#include <stdint.h>

#include "helper/failure.h"

#define ARG_VALUE_MAX 4095U /* bytes of a value; longer ones are refused */

enum arg {
	ARG_NODE,
	ARG_JOB,
	ARG_RESTART,
	ARG_UID,
	ARG_GID,
	ARG_IMAGE,
	ARG_PARTITION,
	ARG_CPUS,
	ARG_CONSOLE,
	ARG_BOOT_TIMEOUT,
	ARG_OPTION_ERROR,
	ARG_MEMORY,
	ARG_GIDS,
	ARG_PARENT,
	ARG_MOUNT,
	ARG_DEEP,
	ARG_ALL,
	ARG_ACCOUNT,
	ARG_DIGEST,
	ARG_DISK,
	ARG_NETWORK,
	ARG_KEEP_QUARANTINE,
	ARGS
};

#define ARG_BIT(arg) (1U << (arg))
/* Those without a value: "" where given. */
#define ARG_FLAGS (ARG_BIT(ARG_DEEP) | ARG_BIT(ARG_ALL) | ARG_BIT(ARG_KEEP_QUARANTINE))

/* The values, NULL where not given; they point into argv. */
struct args {
	const char *value[ARGS];
};

/**
 * Parse argv[0, argc), the words after the verb. An argument must be in
 * allowed (a set of ARG_BIT), come once, and have a value of at most
 * ARG_VALUE_MAX bytes; those in required must be there. --node is checked to be a
 * name. Returns 0, or -EINVAL with why (EXIT_USAGE).
 */
int args_parse(int argc, char *const *argv, uint32_t required, uint32_t allowed, struct args *args,
               struct failure *why);

/** The argument's value as a number of [min, max]; 0 and *number, or -EINVAL with why. It must have been given. */
int args_u64(const struct args *args, enum arg arg, uint64_t min, uint64_t max, uint64_t *number, struct failure *why);

#endif
