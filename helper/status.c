/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: the state of the caller's own machines on this host, of all for root, as kv blocks. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/exitcode.h"
#include "helper/answer.h"
#include "helper/leases.h"
#include "helper/record.h"
#include "helper/state.h"
#include "helper/verbs.h"

/* What the machine is connected to. */
static int status_networks(const struct kv *record, struct kv *kv)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < record->count; i++)
		if (strncmp(record->pairs[i].key, "network", 7) == 0)
			rc = kv_set(kv, record->pairs[i].key, record->pairs[i].value);
	return rc;
}

/* The state as tasks see it; where that is not there, what the record says. */
static int status_load(const struct record_id *id, struct kv *kv, uid_t *owner)
{
	static const char *const keys[] = {"node", "job", "restart", "uid", "image", "vcpus", "memory_mib", "message"};
	struct record record;
	uint64_t uid;
	int rc = record_open(&record, id);

	if (rc < 0)
		return rc;
	*owner = kv_get_u64(&record.kv, "uid", 0, UINT32_MAX - 1, &uid) == 0 ? (uid_t)uid : 0;
	rc = state_load(id, kv);
	if (rc == 0) {
		rc = status_networks(&record.kv, kv);
	} else {
		rc = kv_set(kv, "state", kv_get(&record.kv, "phase"));
		for (size_t i = 0; rc == 0 && i < sizeof(keys) / sizeof(keys[0]); i++)
			rc = kv_set(kv, keys[i], kv_get(&record.kv, keys[i]));
	}
	record_close(&record);
	return rc;
}

/* What could not be put back after a job, which is no more: nobody gets it. */
static void status_quarantined(void *context, const char *title, const struct lease *lease)
{
	const struct args *args = context;
	struct kv kv = {0};

	if (!lease || lease->phase != LEASE_QUARANTINED ||
	    (args->value[ARG_NODE] && strcmp(args->value[ARG_NODE], lease->owner.node) != 0))
		return;
	if (kv_set(&kv, "node", lease->owner.node) == 0 && kv_setf(&kv, "job", "%" PRIu32, lease->owner.job) == 0 &&
	    kv_set(&kv, "state", "quarantined") == 0 && kv_setf(&kv, "message", "%s: %s", title, lease->reason) == 0 &&
	    kv_setf(&kv, "t.failed", "%" PRIu64, lease->since) == 0)
		answer_put(&kv);
	kv_free(&kv);
}

int verb_status(const struct caller *caller, const struct args *args, struct failure *why)
{
	struct record_id *ids = NULL;
	size_t count = 0;
	uint64_t job = 0;
	int rc;

	if (args->value[ARG_JOB] && args_u64(args, ARG_JOB, 1, RECORD_JOB_MAX, &job, why) < 0)
		return why->code;
	rc = record_list(args->value[ARG_NODE], (uint32_t)job, &ids, &count);
	if (rc < 0) {
		(void)failure_set(why, EXIT_NODE, "the records of jobs cannot be read: %s", strerror(-rc));
		return why->code;
	}
	for (size_t i = 0; i < count; i++) {
		struct kv kv = {0};
		uid_t owner = 0;

		/* one that ends just now is no error */
		if (status_load(&ids[i], &kv, &owner) == 0 && (caller->uid == 0 || caller->uid == owner))
			answer_put(&kv);
		kv_free(&kv);
	}
	free(ids);
	if (caller->uid == 0 && job == 0)
		(void)leases_each(status_quarantined, (void *)args);
	return answer_flush(why) < 0 ? why->code : 0;
}
