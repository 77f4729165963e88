/* SPDX-License-Identifier: GPL-2.0-or-later */
/* destroy: replay the job's journals backwards, after whatever still runs for it has been killed. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/device/device.h"
#include "helper/disk/disk.h"
#include "helper/image/cache.h"
#include "helper/journal.h"
#include "helper/leases.h"
#include "helper/network/network.h"
#include "helper/seed.h"
#include "helper/state.h"
#include "helper/verbs.h"

#define RECONCILE_MS 5000U
#define SPARE_MS 1000U /* for its reaper to go by itself once it is alone */

/* Why the machine failed, if that was not its user's doing: the epilog's caller puts it in slurmd's log. */
static void destroy_report(const struct record *record)
{
	struct kv state = {0};
	const char *message;
	uint64_t code;

	if (state_load(&record->id, &state) == 0 && kv_get_u64(&state, "code", 1, 255, &code) == 0 &&
	    (code == EXIT_NODE || code == EXIT_MACHINE)) {
		message = kv_get(&state, "message");
		log_error("job %" PRIu32 ": %s", record->id.job, message ? message : "failed");
	}
	kv_free(&state);
}

/* The record was made in another boot: of its objects only files can be left. */
static bool destroy_is_old_boot(const struct record *record)
{
	const char *theirs = kv_get(&record->kv, "boot_id");
	char ours[40];

	return theirs && record_boot_id(ours) == 0 && strcmp(ours, theirs) != 0;
}

static int destroy_collect(void *context, const char *kind, const char *argument)
{
	const char *space = strchr(argument, ' ');

	if (strcmp(kind, "cgroup") == 0 && space && str_is_path(space + 1))
		return cgroup_set_add(context, space + 1);
	return 0;
}

/*
 * Kill what is in the job's cgroups until nothing is, and then hold the
 * record's lock: a start under way holds it before it enters the cgroup, the
 * reaper for its life. What it journals meanwhile joins set. record may be
 * NULL. Returns 0, or -EBUSY after ms.
 */
static int destroy_kill(struct record *record, struct cgroup_set *set, unsigned int ms)
{
	uint64_t begin = clock_steady();

	for (;;) {
		uint64_t passed = clock_steady() - begin;
		size_t running;
		int rc = 0;

		if (record)
			(void)journal_replay(record->dirfd, destroy_collect, set);
		running = cgroup_kill(set, passed < SPARE_MS);
		if (record && running == 0)
			rc = record_lock(record, 0);
		/* no record in the folder, or a broken one: who comes for the lock gives up by itself */
		if (running == 0 && rc != -EBUSY)
			return 0;
		if (passed >= ms)
			return -EBUSY;
		clock_nap(5);
	}
}

static int destroy_undo(void *context, const char *kind, const char *argument)
{
	const struct disk_ops *disk = disk_find(kind);
	const struct network_ops *network = network_find_journal(kind);
	const bool *old_boot = context;
	int rc = -EINVAL;

	if (disk)
		rc = disk->remove(argument);
	else if (network)
		rc = network->remove(argument, *old_boot);
	else if (strcmp(kind, DEVICE_JOURNAL) == 0)
		rc = devices_remove(argument, *old_boot);
	else if (strcmp(kind, "seed") == 0)
		rc = seed_remove(argument);
	else if (strcmp(kind, "run") == 0)
		rc = state_remove_folder(argument);
	else if (strcmp(kind, "use") == 0)
		rc = cache_release(argument);
	else if (strcmp(kind, "cgroup") == 0)
		rc = *old_boot ? 0 : cgroup_remove(argument);
	if (rc < 0)
		log_error("cannot remove %s %s: %s", kind, argument, strerror(-rc));
	return rc;
}

static int destroy_record(const struct record_id *id, bool report, unsigned int ms, struct failure *why)
{
	struct cgroup_set set = {0};
	struct record record;
	bool old;
	int rc = record_open(&record, id);

	if (rc < 0)
		return rc == -ENOENT
		               ? 0
		               : failure_set(why, EXIT_NODE, "job %" PRIu32 ": its record: %s", id->job, strerror(-rc));
	old = destroy_is_old_boot(&record);
	if (report && !old)
		destroy_report(&record);
	(void)record_cancel(&record);
	rc = old ? 0 : destroy_kill(&record, &set, ms);
	if (rc < 0) {
		rc = failure_set(why, EXIT_NODE, "job %" PRIu32 ": its machine's processes do not end", id->job);
		goto out;
	}
	rc = journal_replay(record.dirfd, destroy_undo, &old);
	if (rc == 0)
		rc = record_remove(&record);
	if (rc < 0)
		rc = failure_set(why, EXIT_NODE, "job %" PRIu32 ": something of its machine is left: %s", id->job,
		                 strerror(-rc));
out:
	cgroup_set_free(&set);
	record_close(&record);
	return rc;
}

struct stray {
	const char *node;
	uint32_t job;
	unsigned int ms;
};

/* A cgroup that is marked as this job's, and no journal names any more. */
static int destroy_stray(void *context, const char *name, const char *path, const char *node, uint32_t job)
{
	const struct stray *stray = context;
	struct cgroup_set set = {0};
	char argument[PATH_MAX];
	int rc;

	if (job != stray->job || strcmp(node, stray->node) != 0)
		return 0;
	rc = cgroup_set_add(&set, path);
	if (rc == 0)
		rc = destroy_kill(NULL, &set, stray->ms);
	if (rc == 0)
		rc = str_print(argument, sizeof(argument), "%s %s", name, path);
	if (rc == 0)
		rc = cgroup_remove(argument);
	cgroup_set_free(&set);
	return rc;
}

int destroy_job(const char *node, uint32_t job, bool report, unsigned int ms, struct failure *why)
{
	struct stray stray = {node, job, ms};
	struct record_id id = {.job = job};
	struct record_id *ids = NULL;
	char run[PATH_MAX];
	size_t count = 0;
	int first = 0;
	int rc = record_list(node, job, &ids, &count);

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the records of jobs cannot be read: %s", strerror(-rc));
	for (size_t i = count; i-- > 0;) {
		rc = destroy_record(&ids[i], report, ms, why);
		if (first == 0)
			first = rc;
	}
	free(ids);
	if (first < 0)
		return first;
	rc = cgroup_hunt(destroy_stray, &stray);
	(void)str_print(id.node, sizeof(id.node), "%s", node);
	if (rc == 0)
		rc = state_path(&id, run);
	if (rc == 0)
		rc = state_remove_folder(run);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "job %" PRIu32 ": something without a record is left: %s", job,
		                   strerror(-rc));
	return 0;
}

int verb_destroy(const struct caller *caller, const struct args *args, struct failure *why)
{
	uint64_t job;

	(void)caller;
	if (args_u64(args, ARG_JOB, 1, RECORD_JOB_MAX, &job, why) < 0 ||
	    destroy_job(args->value[ARG_NODE], (uint32_t)job, true, DESTROY_KILL_MS, why) < 0)
		return why->code;
	(void)leases_reconcile(false, RECONCILE_MS);
	return 0;
}
