/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How leased hardware comes back: put back as it was, and free; else it is quarantined. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/controller.h"
#include "helper/journal.h"
#include "helper/lease.h"

#define LOCK_MS 15000U /* somebody else gives it back: each of his steps is bounded */

/* What is given back, under its lock. */
struct release {
	const struct lease_kind *kind;
	int folder;
	struct lease lease;
	struct kv own;
	char title[LEASE_TITLE_SIZE];
};

static int fail(const struct release *release, struct failure *why, const char *what, int rc)
{
	return failure_set(why, EXIT_NODE, "the lease of %s %s: %s", release->title, what, strerror(-rc));
}

/* Slurm is told; until it knows, who releases fails, and Slurm drains the node by itself. */
static int drain(struct release *release, struct failure *why)
{
	struct lease *lease = &release->lease;
	struct failure reason = {0};
	int rc;

	if (lease->drained)
		return 0;
	(void)failure_set(&reason, EXIT_NODE, "%s cannot be restored: %.300s", release->title, lease->reason);
	rc = controller_drain(lease->owner.node, reason.message, why);
	if (rc == 0) {
		lease->drained = true;
		(void)lease_save(release->folder, lease, &release->own, false);
	}
	return rc;
}

static int quarantine(struct release *release, const struct failure *found, struct failure *why)
{
	int rc;

	(void)str_print(release->lease.reason, sizeof(release->lease.reason), "%s", found->message);
	log_error("%s is quarantined: %s", release->title, release->lease.reason);
	rc = lease_set_phase(release->folder, &release->lease, &release->own, LEASE_QUARANTINED);
	return rc < 0 ? fail(release, why, "cannot be written", rc) : drain(release, why);
}

/* The hardware, and then the lease. */
static int put_back(struct release *release, struct failure *why)
{
	struct lease *lease = &release->lease;
	bool reconsidered = lease->phase == LEASE_QUARANTINED;
	struct failure found = {0};
	int rc = 0;

	if (lease->phase != LEASE_LEASED) {
		/* for people: a full disk keeps no hardware */
		(void)lease_set_phase(release->folder, lease, &release->own, LEASE_RELEASING);
		rc = release->kind->restore(lease, &release->own, &found);
	}
	if (rc == -ENODEV)
		log_info("%s is no more: it is nobody's", release->title);
	else if (rc < 0)
		return quarantine(release, &found, why);
	else if (reconsidered)
		log_info("%s is restored, and out of quarantine; node %s may be resumed", release->title,
		         lease->owner.node);
	rc = lease_remove(release->folder, lease->name);
	return rc < 0 ? fail(release, why, "cannot be removed", rc) : 0;
}

/* Under the lock, the lease being the token's. */
static int release_locked(struct release *release, bool retry, struct failure *why)
{
	/* that boot's hardware, and what it was like, are no more */
	if (lease_is_old(&release->lease))
		return lease_remove(release->folder, release->lease.name);
	if (release->lease.phase == LEASE_QUARANTINED && !retry)
		return drain(release, why);
	return put_back(release, why);
}

int lease_release(const struct lease_kind *kind, const char *name, const char *token, bool retry, struct failure *why)
{
	struct release release = {.kind = kind, .folder = lease_folder(kind, true)};
	int lock = release.folder < 0 ? release.folder : lease_lock_one(release.folder, name, LOCK_MS);
	int rc = lock < 0 ? lock : lease_load(release.folder, name, &release.lease, &release.own);

	kind->title(name, release.title);
	if (rc == 0 && strcmp(release.lease.token, token) == 0)
		rc = release_locked(&release, retry, why);
	else if (rc == -ENOENT)
		rc = 0;
	if (rc == -EINVAL && why->code == 0)
		rc = failure_set(why, EXIT_NODE, "the lease of %s is torn", release.title);
	else if (rc < 0 && why->code == 0)
		rc = fail(&release, why, "cannot be used", rc);
	kv_free(&release.own);
	if (lock >= 0)
		close(lock);
	if (release.folder >= 0)
		close(release.folder);
	return rc;
}

int lease_drop_torn(const struct lease_kind *kind, const char *name)
{
	int folder = lease_folder(kind, false);
	int lock = folder < 0 ? folder : lease_lock_one(folder, name, LOCK_MS);
	char title[LEASE_TITLE_SIZE];
	struct lease lease;
	int rc = lock < 0 ? lock : lease_load(folder, name, &lease, NULL);

	if (rc == -EINVAL) {
		kind->title(name, title);
		log_info("the lease of %s did not outlive the last boot: it is nobody's", title);
		rc = lease_remove(folder, name);
	}
	if (lock >= 0)
		close(lock);
	if (folder >= 0)
		close(folder);
	return rc == -ENOENT ? 0 : rc;
}

struct search {
	const char *kind;
	const char *token; /* NULL once it has been found */
};

static int find_token(void *context, const char *kind, const char *argument)
{
	struct search *search = context;

	if (search->token && strcmp(kind, search->kind) == 0 && strstr(argument, search->token))
		search->token = NULL;
	return 0;
}

/* Whether the job that the lease names knows nothing of it: then nobody else gives it back. */
static bool is_orphan(const struct lease_kind *kind, const struct lease *lease)
{
	struct search search = {kind->folder, lease->token};
	struct record record;
	int rc = record_open(&record, &lease->owner);

	if (rc < 0)
		return rc == -ENOENT;
	rc = journal_replay(record.dirfd, find_token, &search);
	record_close(&record);
	/* in doubt the record's */
	return rc == 0 && search.token;
}

struct reconcile {
	const struct lease_kind *kind;
	bool retry;
	uint64_t deadline;
};

static int reconcile_one(void *context, const char *name, const struct lease *lease, const struct kv *own)
{
	const struct reconcile *reconcile = context;
	char title[LEASE_TITLE_SIZE];
	struct failure why = {0};
	bool again;

	(void)own;
	if (!lease) {
		reconcile->kind->title(name, title);
		log_error("the lease of %s cannot be read: nobody gets it; see wnodes.conf(5)", title);
		return 0;
	}
	again = lease->phase == LEASE_QUARANTINED && reconcile->retry;
	if (clock_steady() >= reconcile->deadline)
		return 0;
	if (!lease_is_old(lease) && !again && (lease->phase == LEASE_QUARANTINED || !is_orphan(reconcile->kind, lease)))
		return 0;
	if (lease_release(reconcile->kind, name, lease->token, reconcile->retry, &why) < 0)
		log_error("%s", why.message);
	return 0;
}

int lease_reconcile(const struct lease_kind *kind, bool retry, unsigned int ms)
{
	struct reconcile reconcile = {.kind = kind, .retry = retry, .deadline = clock_steady() + ms};
	int folder = lease_folder(kind, false);
	int rc;

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	rc = lease_each(folder, reconcile_one, &reconcile);
	close(folder);
	return rc;
}
