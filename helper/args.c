/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/args.h"

#include <errno.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"

static const char *const arg_names[ARGS] = {
        [ARG_NODE] = "--node",
        [ARG_JOB] = "--job",
        [ARG_RESTART] = "--restart",
        [ARG_UID] = "--uid",
        [ARG_GID] = "--gid",
        [ARG_IMAGE] = "--image",
        [ARG_PARTITION] = "--partition",
        [ARG_CPUS] = "--cpus",
        [ARG_CONSOLE] = "--console",
        [ARG_BOOT_TIMEOUT] = "--boot-timeout",
        [ARG_OPTION_ERROR] = "--option-error",
        [ARG_MEMORY] = "--memory",
        [ARG_GIDS] = "--gids",
        [ARG_PARENT] = "--parent",
        [ARG_MOUNT] = "--mount",
        [ARG_DEEP] = "--deep",
        [ARG_ALL] = "--all",
        [ARG_ACCOUNT] = "--account",
        [ARG_DIGEST] = "--digest",
        [ARG_DISK] = "--disk",
        [ARG_NETWORK] = "--network",
        [ARG_KEEP_QUARANTINE] = "--keep-quarantine",
};

static int args_find(const char *name, uint32_t allowed)
{
	for (int i = 0; i < ARGS; i++)
		if ((allowed & ARG_BIT(i)) && strcmp(arg_names[i], name) == 0)
			return i;
	return -1;
}

int args_parse(int argc, char *const *argv, uint32_t required, uint32_t allowed, struct args *args, struct failure *why)
{
	*args = (struct args){0};
	for (int i = 0; i < argc; i++) {
		int arg = args_find(argv[i], allowed);

		if (arg < 0)
			return failure_set(why, EXIT_USAGE, "unknown argument '%.64s'", argv[i]);
		if (args->value[arg])
			return failure_set(why, EXIT_USAGE, "%s is given twice", arg_names[arg]);
		if (ARG_FLAGS & ARG_BIT(arg)) {
			args->value[arg] = "";
			continue;
		}
		if (++i >= argc)
			return failure_set(why, EXIT_USAGE, "%s needs a value", arg_names[arg]);
		if (strnlen(argv[i], ARG_VALUE_MAX + 1) > ARG_VALUE_MAX)
			return failure_set(why, EXIT_USAGE, "%s: the value is too long", arg_names[arg]);
		args->value[arg] = argv[i];
	}
	for (int i = 0; i < ARGS; i++)
		if ((required & ARG_BIT(i)) && !args->value[i])
			return failure_set(why, EXIT_USAGE, "%s is missing", arg_names[i]);
	if (args->value[ARG_NODE] && !str_is_name(args->value[ARG_NODE]))
		return failure_set(why, EXIT_USAGE, "--node: not a node's name");
	return 0;
}

int args_u64(const struct args *args, enum arg arg, uint64_t min, uint64_t max, uint64_t *number, struct failure *why)
{
	if (str_u64(args->value[arg], min, max, number) < 0)
		return failure_set(why, EXIT_USAGE, "%s: '%.64s' is not a number from %llu to %llu", arg_names[arg],
		                   args->value[arg], (unsigned long long)min, (unsigned long long)max);
	return 0;
}
