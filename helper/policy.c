/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/policy.h"

#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/list.h"

/* Whether one of groups (GID:NAME,…) is in list. */
static bool policy_in_groups(const char *list, const char *groups)
{
	while (*groups) {
		const char *name = strchr(groups, ':');
		size_t length;

		if (!name)
			return false;
		name++;
		length = strcspn(name, ",");
		if (list_has(list, name, length))
			return true;
		groups = name + length;
		groups += *groups == ',';
	}
	return false;
}

int policy_user(const struct config *config, const struct image *image, const char *user, const char *groups,
                struct failure *why)
{
	bool everybody = !config->allow_users[0] && !config->allow_groups[0];

	if (!everybody && !(config->allow_users[0] && list_has(config->allow_users, user, strlen(user))) &&
	    !(config->allow_groups[0] && policy_in_groups(config->allow_groups, groups)))
		return failure_set(why, EXIT_DENIED, "--vm: the site's policy does not allow machines to user %s",
		                   user);
	if (image->groups[0] && !policy_in_groups(image->groups, groups))
		return failure_set(why, EXIT_DENIED, "--vm: image %s is only for the groups %s", image->name,
		                   image->groups);
	return 0;
}

int policy_boot_timeout(const struct config *config, const char *text, uint64_t *seconds, struct failure *why)
{
	if (!text) {
		*seconds = config->boot_timeout;
		return 0;
	}
	if (str_u64(text, 1, config->boot_timeout_max, seconds) < 0)
		return failure_set(why, EXIT_USAGE,
		                   "--vm-boot-timeout: '%.64s' is not a number of seconds from 1 to %llu", text,
		                   (unsigned long long)config->boot_timeout_max);
	return 0;
}

int policy_memory(const struct config *config, const struct image *image, const struct policy_memory *memory,
                  uint64_t *mib, struct failure *why)
{
	uint64_t reserve = ((config->memory_reserve + (memory->tcg ? config->tb_cache : 0)) + 0xfffff) >> 20;
	uint64_t need = (image->memory_min + 0xfffff) >> 20;
	uint64_t limit = memory->limit >> 20;
	uint64_t job = memory->job_mib;

	if (job == 0)
		job = config->memory_per_cpu * memory->vcpus >> 20;
	if (job == 0)
		return failure_set(why, EXIT_NODE,
		                   "Slurm allocates no memory to jobs here: wnodes.conf needs memory_per_cpu");
	if (job > limit)
		job = limit;
	*mib = job > reserve ? job - reserve : 0;
	if (*mib >= need)
		return 0;
	return failure_set(why, EXIT_USAGE,
	                   "image %s needs %llu MiB of memory, and the job's %llu MiB less %llu MiB for the "
	                   "machine's own needs leave %llu MiB: ask for --mem=%lluM or more",
	                   image->name, (unsigned long long)need, (unsigned long long)job, (unsigned long long)reserve,
	                   (unsigned long long)*mib, (unsigned long long)(need + reserve));
}
