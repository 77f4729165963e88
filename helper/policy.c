/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/size.h"
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

/* A user against lists of users and groups that admit, which are whose. */
static int policy_only_for(const char *users, const char *groups, const struct policy_job *job, const char *option,
                           const char *whose, struct failure *why)
{
	if (policy_admits(users, groups, job->user, job->groups))
		return 0;
	return failure_set(why, EXIT_DENIED, "%s: %s only for the %s%.160s%s%s%.160s", option, whose,
	                   users[0] ? "users " : "", users, users[0] && groups[0] ? ", and for the " : "",
	                   groups[0] ? "groups " : "", groups);
}

int policy_user(const struct config *config, const struct image *image, const char *user, const char *groups,
                struct failure *why)
{
	const struct policy_job job = {.user = user, .groups = groups};
	char whose[80];

	if (!policy_admits(config->allow_users, config->allow_groups, user, groups))
		return failure_set(why, EXIT_DENIED, "--vm: the site's policy does not allow machines to user %s",
		                   user);
	(void)snprintf(whose, sizeof(whose), "image %.64s is", image->name);
	return policy_only_for(image->users, image->groups, &job, "--vm", whose, why);
}

/* The job's account or partition against a list, which restricts. */
static int policy_restrict(const char *list, const char *what, const char *value, const char *option, const char *whose,
                           struct failure *why)
{
	if (!list[0] || (value && list_has(list, value, strlen(value))))
		return 0;
	return failure_set(why, EXIT_DENIED, "%s: %s only for the %ss %.160s; the job's %s is %.64s", option, whose,
	                   what, list, what, value && *value ? value : "not known");
}

int policy_job(const struct config *config, const struct image *image, const char *account, const char *partition,
               struct failure *why)
{
	static const char site[] = "the site's policy has machines";
	char whose[80];
	int rc = policy_restrict(config->allow_accounts, "account", account, "--vm", site, why);

	(void)snprintf(whose, sizeof(whose), "image %.64s is", image->name);
	if (rc == 0)
		rc = policy_restrict(config->allow_partitions, "partition", partition, "--vm", site, why);
	if (rc == 0)
		rc = policy_restrict(image->accounts, "account", account, "--vm", whose, why);
	return rc == 0 ? policy_restrict(image->partitions, "partition", partition, "--vm", whose, why) : rc;
}

int policy_network(const struct config_network *network, const struct policy_job *job, struct failure *why)
{
	static const char option[] = "--vm-network";
	char whose[80];
	int rc;

	(void)snprintf(whose, sizeof(whose), "network %.64s is", network->name);
	rc = policy_only_for(network->users, network->groups, job, option, whose, why);
	if (rc == 0)
		rc = policy_restrict(network->accounts, "account", job->account, option, whose, why);
	return rc == 0 ? policy_restrict(network->partitions, "partition", job->partition, option, whose, why) : rc;
}

int policy_vlan(const struct config_network *network, const struct policy_job *job, uint16_t *vlan, struct failure *why)
{
	*vlan = network->vlan == CONFIG_VLAN_UNSAID ? 0 : network->vlan;
	for (unsigned int i = 0; job->account && i < network->account_vlan_count; i++) {
		if (strcmp(network->account_vlans[i].name, job->account) != 0)
			continue;
		*vlan = network->account_vlans[i].vlan;
		return 0;
	}
	for (unsigned int i = 0; i < network->group_vlan_count; i++) {
		if (!policy_in_groups(network->group_vlans[i].name, job->groups))
			continue;
		*vlan = network->group_vlans[i].vlan;
		return 0;
	}
	if (network->vlan != CONFIG_VLAN_UNSAID || (network->account_vlan_count == 0 && network->group_vlan_count == 0))
		return 0;
	return failure_set(why, EXIT_DENIED,
	                   "--vm-network: network %s has no VLAN for the account %.64s, nor for a group of user %.64s",
	                   network->name, job->account && *job->account ? job->account : "(not known)", job->user);
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

/* The modes that the site and the image allow, "overlay, raw" and so on. */
static void disk_modes(const struct config *config, const struct image *image, char *modes)
{
	static const char *const all[] = {"overlay", "snapshot", "raw", "block"};
	size_t used = 0;

	modes[0] = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t length = strlen(all[i]);

		if (!list_has(config->disk.modes, all[i], length) ||
		    (image->disk_modes[0] && !list_has(image->disk_modes, all[i], length)))
			continue;
		(void)str_print(modes + used, CONFIG_DISK_MODES - used, "%s%s", used ? ", " : "", all[i]);
		used += strlen(modes + used);
	}
}

/* The mode of a job that says none: the image's, the site's, or the first that there is. */
static int disk_default(const struct config *config, const struct image *image, const char *modes,
                        struct disk_option *disk, struct failure *why)
{
	const char *mode = image->disk_mode[0] ? image->disk_mode : config->disk.mode;

	if (list_has(modes, mode, strlen(mode)))
		return str_print(disk->mode, sizeof(disk->mode), "%s", mode);
	if (!modes[0] || image->disk_mode[0])
		return failure_set(why, EXIT_NODE, "image %s: its %s has %s, and modes of [disk] in wnodes.conf are %s",
		                   image->name, image->disk_mode[0] ? "disk_mode" : "disk_modes",
		                   image->disk_mode[0] ? image->disk_mode : image->disk_modes, config->disk.modes);
	return str_print(disk->mode, sizeof(disk->mode), "%.*s", (int)strcspn(modes, ","), modes);
}

static int disk_prealloc(const struct config *config, struct disk_option *disk, struct failure *why)
{
	const char *site = config->disk.prealloc;

	if (!disk->prealloc[0])
		return str_print(disk->prealloc, sizeof(disk->prealloc), "%s",
		                 disk_mode_takes_prealloc(disk->mode, site) ? site : "off");
	return disk_mode_takes_prealloc(disk->mode, disk->prealloc)
	               ? 0
	               : failure_set(why, EXIT_USAGE, "--vm-disk: %s, the mode of this job, cannot have prealloc=%s",
	                             disk->mode, disk->prealloc);
}

int policy_disk(const struct config *config, const struct image *image, const char *text, struct disk_option *disk,
                struct failure *why)
{
	uint64_t max = config->disk.size_max;
	char modes[CONFIG_DISK_MODES], problem[128];

	*disk = (struct disk_option){0};
	if (text && disk_option_parse(disk, text, problem, sizeof(problem)) < 0)
		return failure_set(why, EXIT_USAGE, "--vm-disk: %s", problem);
	disk_modes(config, image, modes);
	if (disk->mode[0] && !list_has(modes, disk->mode, strlen(disk->mode)))
		return failure_set(why, EXIT_DENIED, "--vm-disk: mode %s is not allowed; image %s has %s here",
		                   disk->mode, image->name, modes[0] ? modes : "none");
	if (!disk->mode[0] && disk_default(config, image, modes, disk, why) < 0)
		return -EIO;
	if (max && disk->size > max)
		return failure_set(why, EXIT_DENIED, "--vm-disk: size: the site allows %llu MiB (size_max), not %llu",
		                   (unsigned long long)(max >> 20), (unsigned long long)(disk->size >> 20));
	return disk_prealloc(config, disk, why);
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
#define RESERVE_PASST 40U
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
	struct reserve reserve = {size_mib_up(bytes), RESERVE_TABLES};

	reserve.fixed += (RESERVE_CPU + (memory->tcg ? RESERVE_CPU_TCG : 0U)) * (uint64_t)memory->vcpus;
	reserve.fixed += (memory->virtiofs ? RESERVE_VIRTIOFS : RESERVE_9P) * (uint64_t)memory->mounts;
	reserve.fixed += RESERVE_PASST * (uint64_t)memory->passts;
	reserve.part += memory->virtiofs ? RESERVE_TABLES_VIRTIOFS * (uint64_t)memory->mounts : 0;
	return reserve;
}

int policy_memory(const struct config *config, const struct image *image, const struct policy_memory *memory,
                  uint64_t *mib, struct failure *why)
{
	const struct reserve reserve = policy_reserve(config, memory);
	uint64_t page = config->machine.hugepage_kib ? config->machine.hugepage_kib >> 10 : 1;
	uint64_t need = size_mib_up(image->memory_min) + page - 1;
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
