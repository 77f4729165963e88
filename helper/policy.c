/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/policy.h"

#include <stdio.h>
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

/* Whether a user is one of users, or in one of groups; without both lists, everybody is. */
static bool policy_admits(const char *users, const char *groups, const char *user, const char *user_groups)
{
	if (!users[0] && !groups[0])
		return true;
	return (users[0] && list_has(users, user, strlen(user))) ||
	       (groups[0] && policy_in_groups(groups, user_groups));
}

int policy_user(const struct config *config, const struct image *image, const char *user, const char *groups,
                struct failure *why)
{
	if (!policy_admits(config->allow_users, config->allow_groups, user, groups))
		return failure_set(why, EXIT_DENIED, "--vm: the site's policy does not allow machines to user %s",
		                   user);
	if (!policy_admits(image->users, image->groups, user, groups))
		return failure_set(why, EXIT_DENIED, "--vm: image %s is only for the %s%.160s%s%s%.160s", image->name,
		                   image->users[0] ? "users " : "", image->users,
		                   image->users[0] && image->groups[0] ? ", and for the " : "",
		                   image->groups[0] ? "groups " : "", image->groups);
	return 0;
}

/* The job's account or partition against a list, which restricts. */
static int policy_restrict(const char *list, const char *what, const char *value, const char *whose,
                           struct failure *why)
{
	if (!list[0] || (value && list_has(list, value, strlen(value))))
		return 0;
	return failure_set(why, EXIT_DENIED, "--vm: %s only for the %ss %.160s; the job's %s is %.64s", whose, what,
	                   list, what, value && *value ? value : "not known");
}

int policy_job(const struct config *config, const struct image *image, const char *account, const char *partition,
               struct failure *why)
{
	static const char site[] = "the site's policy has machines";
	char whose[80];
	int rc = policy_restrict(config->allow_accounts, "account", account, site, why);

	(void)snprintf(whose, sizeof(whose), "image %.64s is", image->name);
	if (rc == 0)
		rc = policy_restrict(config->allow_partitions, "partition", partition, site, why);
	if (rc == 0)
		rc = policy_restrict(image->accounts, "account", account, whose, why);
	return rc == 0 ? policy_restrict(image->partitions, "partition", partition, whose, why) : rc;
}

int policy_own_image(const struct config *config, const char *groups, struct failure *why)
{
	const char *allowed = config->user_images;

	if (strcmp(allowed, "yes") == 0)
		return 0;
	if (!allowed[0] || strcmp(allowed, "no") == 0)
		return failure_set(why, EXIT_DENIED,
		                   "--vm: the site's policy (user_images) allows no files of users as images: name "
		                   "one of the catalogue");
	return policy_in_groups(allowed, groups)
	               ? 0
	               : failure_set(why, EXIT_DENIED,
	                             "--vm: the site's policy (user_images) allows files as images only to the "
	                             "groups %.160s",
	                             allowed);
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

/*
 * What wnodes.conf(5) says of memory_reserve, with the measurements. A task's
 * wnodes-run is the largest part of what a CPU costs; TCG has a TLB in memory
 * for each, and virtiofsd tables of the machine's memory, as QEMU has.
 */
#define RESERVE_CPU 4U
#define RESERVE_CPU_TCG 16U
#define RESERVE_9P 2U
#define RESERVE_VIRTIOFS 16U
#define RESERVE_TABLES 4U          /* of 512 MiB: QEMU's page tables, and KVM's */
#define RESERVE_TABLES_VIRTIOFS 1U /* a directory */
#define RESERVE_OF 512U

struct reserve {
	uint64_t fixed; /* MiB */
	uint64_t part;  /* of the job's memory, in RESERVE_OF */
};

static struct reserve policy_reserve(const struct config *config, const struct policy_memory *memory)
{
	uint64_t bytes = config->memory_reserve + (memory->tcg ? config->tb_cache : 0);
	struct reserve reserve = {(bytes + 0xfffff) >> 20, RESERVE_TABLES};

	reserve.fixed += (RESERVE_CPU + (memory->tcg ? RESERVE_CPU_TCG : 0U)) * (uint64_t)memory->vcpus;
	reserve.fixed += (memory->virtiofs ? RESERVE_VIRTIOFS : RESERVE_9P) * (uint64_t)memory->mounts;
	reserve.part += memory->virtiofs ? RESERVE_TABLES_VIRTIOFS * (uint64_t)memory->mounts : 0;
	return reserve;
}

int policy_memory(const struct config *config, const struct image *image, const struct policy_memory *memory,
                  uint64_t *mib, struct failure *why)
{
	const struct reserve reserve = policy_reserve(config, memory);
	uint64_t page = config->machine.hugepage_kib ? config->machine.hugepage_kib >> 10 : 1;
	uint64_t need = ((image->memory_min + 0xfffff) >> 20) + page - 1;
	uint64_t limit = memory->limit >> 20;
	uint64_t job = memory->job_mib, own;

	if (job == 0)
		job = config->memory_per_cpu * memory->vcpus >> 20;
	if (job == 0)
		return failure_set(why, EXIT_NODE,
		                   "Slurm allocates no memory to jobs here: wnodes.conf needs memory_per_cpu");
	if (job > limit)
		job = limit;
	need -= need % page;
	own = reserve.fixed + (job * reserve.part + RESERVE_OF - 1) / RESERVE_OF;
	*mib = job > own ? job - own : 0;
	*mib -= *mib % page;
	if (*mib >= need)
		return 0;
	return failure_set(why, EXIT_USAGE,
	                   "image %s needs %llu MiB of memory, and the job's %llu MiB less %llu MiB for the "
	                   "machine's own needs leave %llu MiB: ask for --mem=%lluM or more",
	                   image->name, (unsigned long long)need, (unsigned long long)job, (unsigned long long)own,
	                   (unsigned long long)*mib,
	                   (unsigned long long)(((need + reserve.fixed) * RESERVE_OF + RESERVE_OF - reserve.part - 1) /
	                                        (RESERVE_OF - reserve.part)));
}
