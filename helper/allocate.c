/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allocate: from the extern step, as root. Adds what only it knows: the job's
 * cgroups, CPUs, memory and groups. A machine larger than its job is recorded
 * as the job's failure.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/network_option.h"
#include "common/str.h"
#include "helper/accelerator.h"
#include "helper/cgroup.h"
#include "helper/choose.h"
#include "helper/config.h"
#include "helper/identity.h"
#include "helper/image/catalogue.h"
#include "helper/mounts.h"
#include "helper/owner.h"
#include "helper/placement.h"
#include "helper/policy.h"
#include "helper/record.h"
#include "helper/state.h"
#include "helper/verbs.h"

#define GIDS_MAX 1024U

struct allocation {
	uint32_t job;
	uint64_t memory_mib;
	pid_t parent;
	gid_t gids[GIDS_MAX];
	size_t gid_count;
};

static int allocate_parse(const struct args *args, struct allocation *allocation, struct failure *why)
{
	uint64_t job, parent;
	int count;

	if (args_u64(args, ARG_JOB, 1, RECORD_JOB_MAX, &job, why) < 0 ||
	    args_u64(args, ARG_MEMORY, 0, UINT64_C(1) << 40, &allocation->memory_mib, why) < 0 ||
	    args_u64(args, ARG_PARENT, 2, INT_MAX, &parent, why) < 0)
		return -EINVAL;
	count = args->value[ARG_GIDS] ? identity_parse_gids(args->value[ARG_GIDS], allocation->gids, GIDS_MAX) : 0;
	if (count < 0)
		return failure_set(why, EXIT_USAGE, "--gids is a list of up to %u group ids", GIDS_MAX);
	allocation->job = (uint32_t)job;
	allocation->parent = (pid_t)parent;
	allocation->gid_count = (size_t)count;
	return 0;
}

/* The CPUs of the job's cpuset, else those that the prolog was told. */
static unsigned int allocate_cpus(const struct record *record)
{
	unsigned int cpus = cgroup_cpus(&record->kv);
	uint64_t told;

	if (cpus == 0 && kv_get_u64(&record->kv, "cpus", 1, 65535, &told) == 0)
		cpus = (unsigned int)told;
	return cpus;
}

/*
 * What start will ask of Slurm, as the user whom it cannot trust: where that
 * does not work at all, the job hears it from here.
 */
static int allocate_check_owner(const struct config *config, const struct record *record, uid_t uid,
                                struct failure *why)
{
	char spool[PATH_MAX];
	uid_t owner = (uid_t)-1;
	int rc = config_spool(config, record->id.node, spool);

	if (rc == 0)
		rc = owner_of_job(spool, record->id.node, record->id.job, &owner);
	if (rc < 0)
		return failure_set(why, EXIT_NODE,
		                   "Slurm's extern step does not answer in %s (slurmd_spool_dir of wnodes.conf): %s",
		                   config->slurmd_spool_dir, strerror(rc == -ENOTDIR ? ENOENT : -rc));
	if (owner != uid)
		return failure_set(why, EXIT_NODE,
		                   "the job is of user %" PRIu32 " to Slurm, and of %" PRIu32 " to its prolog", owner,
		                   uid);
	return 0;
}

static unsigned int count_passts(const struct kv *record)
{
	unsigned int count = 0;
	char key[64];

	for (unsigned int i = 0; i < NETWORKS_MAX; i++) {
		const char *backend;

		(void)str_print(key, sizeof(key), "network.%u.backend", i);
		backend = kv_get(record, key);
		count += backend && strcmp(backend, "passt") == 0;
	}
	return count;
}

/* The machine's size and accelerator into the record. */
static int allocate_size(struct record *record, const struct allocation *allocation, const struct config *config,
                         struct failure *why)
{
	static struct image image;
	struct kv *kv = &record->kv;
	struct policy_memory memory = {.job_mib = allocation->memory_mib, .limit = cgroup_memory(kv)};
	uint64_t mib = 0;
	int rc = choose_again(config, kv, &image, why);

	if (rc == 0)
		rc = accelerator_choose(config, &memory.tcg, why);
	if (rc < 0)
		return rc;
	memory.vcpus = allocate_cpus(record);
	memory.mounts = mounts_recorded(kv);
	memory.virtiofs = kv_get(kv, "virtiofsd") != NULL;
	memory.passts = count_passts(kv);
	cgroup_note_cpus(kv);
	if (memory.vcpus == 0)
		return failure_set(why, EXIT_NODE, "neither a cpuset nor --cpus says how many CPUs the job has");
	rc = policy_memory(config, &image, &memory, &mib, why);
	if (rc < 0)
		return rc;
	if (placement_order(config, kv) < 0 || kv_setf(kv, "vcpus", "%u", memory.vcpus) < 0 ||
	    kv_setf(kv, "memory_mib", "%" PRIu64, mib) < 0 || kv_set(kv, "accelerator", memory.tcg ? "tcg" : "kvm") < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

static int allocate_fill(struct record *record, const struct allocation *allocation, struct failure *why)
{
	static struct config config;
	uid_t uid;
	gid_t gid;
	int rc;

	if (record_owner(record, &uid, &gid) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	rc = config_load(&config, why);
	if (rc == 0)
		rc = allocate_check_owner(&config, record, uid, why);
	if (rc == 0)
		rc = cgroup_find(allocation->parent, allocation->job, uid, &record->kv, why);
	if (rc == 0)
		rc = identity_groups(gid, allocation->gids, allocation->gid_count, &record->kv, why);
	return rc == 0 ? allocate_size(record, allocation, &config, why) : rc;
}

int verb_allocate(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct allocation allocation;
	struct record record;
	int rc;

	(void)caller;
	if (allocate_parse(args, &allocation, why) < 0)
		return why->code;
	rc = record_open_latest(&record, args->value[ARG_NODE], allocation.job);
	if (rc == 0)
		rc = record_lock(&record, 2000);
	if (rc < 0) {
		(void)failure_set(why, EXIT_NODE, "job %" PRIu32 " has no record that can be used: %s", allocation.job,
		                  strerror(-rc));
		return why->code;
	}
	if (record_is(&record, "prepared") || record_is(&record, "allocated")) {
		(void)allocate_fill(&record, &allocation, why);
		rc = record_set_phase(&record, why->code ? "failed" : "allocated", why->code ? why : NULL);
		if (rc < 0)
			(void)failure_set(why, EXIT_NODE, "cannot write the job's record: %s", strerror(-rc));
		(void)state_set(&record, why->code ? "failed" : "allocated", why->code ? why : NULL);
	} else if (!record_is(&record, "failed")) {
		(void)failure_set(why, EXIT_NODE, "job %" PRIu32 " has been started already", allocation.job);
	}
	record_close(&record);
	/* the job's own failure is the job's to tell */
	return why->code == EXIT_USAGE ? 0 : why->code;
}
