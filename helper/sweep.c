/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep: at boot, by hand or by a timer. Destroys what is left of jobs that
 * are no longer on this node: no epilog runs for a job whose slurmstepds all
 * died, or that a reboot ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "helper/cgroup.h"
#include "helper/config.h"
#include "helper/image/cache.h"
#include "helper/leases.h"
#include "helper/owner.h"
#include "helper/record.h"
#include "helper/verbs.h"

#define PREPARED_MS (UINT64_C(600) * 1000U) /* what may lie between a job's prolog and its extern step */

#define RECONCILE_MS 300000U

struct sweep {
	const char *node; /* NULL: all */
	struct config config;
	struct failure failure; /* the last one */
	unsigned int kept, destroyed;
};

static bool sweep_is_on_node(const struct sweep *sweep, const char *node, uint32_t job)
{
	char spool[PATH_MAX];
	uid_t uid;

	/* any doubt (a spool that cannot be read) keeps the job */
	return config_spool(&sweep->config, node, spool) < 0 || owner_of_job(spool, node, job, &uid) != -ENOENT;
}

/* Whether the job may still come to its extern step, or is in another boot's past. */
static bool sweep_keeps(const struct sweep *sweep, const struct record_id *id)
{
	struct record record;
	const char *boot;
	char ours[40];
	uint64_t prepared = 0;
	uint64_t now = clock_wall();
	bool keep = true;

	if (record_open(&record, id) < 0)
		return true;
	boot = kv_get(&record.kv, "boot_id");
	if (boot && record_boot_id(ours) == 0 && strcmp(boot, ours) != 0) {
		keep = false;
	} else if (!sweep_is_on_node(sweep, id->node, id->job)) {
		bool early = !record_is(&record, "allocated") && !record_is(&record, "started");

		/* without a readable record: half made, by a prepare that is at work or was killed */
		if (early && kv_get_u64(&record.kv, "t.prepared", 1, UINT64_MAX, &prepared) < 0)
			keep = record_lock(&record, 0) == -EBUSY;
		else
			keep = early && now >= prepared && now - prepared < PREPARED_MS;
	}
	record_close(&record);
	return keep;
}

static void sweep_destroy(struct sweep *sweep, const char *node, uint32_t job)
{
	struct failure why = {0};

	if (destroy_job(node, job, false, DESTROY_KILL_MS, &why) < 0) {
		log_error("%s", why.message);
		sweep->failure = why;
	} else {
		log_info("job %" PRIu32 " on %s is no more: swept", job, node);
		sweep->destroyed++;
	}
}

static int sweep_stray(void *context, const char *name, const char *path, const char *node, uint32_t job)
{
	struct sweep *sweep = context;
	struct record_id *ids = NULL;
	size_t count = 0;

	(void)name;
	(void)path;
	if ((sweep->node && strcmp(sweep->node, node) != 0) || record_list(node, job, &ids, &count) < 0)
		return 0;
	free(ids);
	if (count == 0 && !sweep_is_on_node(sweep, node, job))
		sweep_destroy(sweep, node, job);
	return 0;
}

/* The cache may be missing, or on a disk that is broken: the jobs are swept all the same. */
static void sweep_cache(struct sweep *sweep)
{
	int rc = cache_repair(&sweep->config);

	if (rc == 0)
		rc = cache_trim(&sweep->config);
	if (rc < 0) {
		(void)failure_set(&sweep->failure, EXIT_NODE, "the image cache %s: %s", sweep->config.cache_dir,
		                  strerror(-rc));
		log_error("%s", sweep->failure.message);
	}
}

int verb_sweep(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct sweep sweep;
	struct record_id *ids = NULL;
	size_t count = 0;
	int rc;

	(void)caller;
	sweep.node = args->value[ARG_NODE];
	if (config_load(&sweep.config, why) < 0)
		return why->code;
	rc = record_list(sweep.node, 0, &ids, &count);
	if (rc < 0) {
		(void)failure_set(why, EXIT_NODE, "the records of jobs cannot be read: %s", strerror(-rc));
		return why->code;
	}
	for (size_t i = 0; i < count; i++) {
		if (sweep_keeps(&sweep, &ids[i]))
			sweep.kept++;
		else
			sweep_destroy(&sweep, ids[i].node, ids[i].job);
	}
	free(ids);
	rc = cgroup_hunt(sweep_stray, &sweep);
	if (rc < 0)
		log_error("the cgroups cannot be looked through: %s", strerror(-rc));
	rc = leases_reconcile(!args->value[ARG_KEEP_QUARANTINE], RECONCILE_MS);
	if (rc < 0)
		log_error("the leases of VFs and devices cannot be read: %s", strerror(-rc));
	sweep_cache(&sweep);
	*why = sweep.failure;
	return why->code;
}
