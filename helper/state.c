/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/journal.h"

int state_path(const struct record_id *id, char *path)
{
	return str_print(path, PATH_MAX, "%s/%s/%" PRIu32, WNODES_RUNDIR, id->node, id->job);
}

static int state_open(const struct record_id *id)
{
	char path[PATH_MAX];
	int rc = state_path(id, path);

	return rc < 0 ? rc : fs_open_folder(path, 0);
}

static int state_make(const struct record *record, uid_t uid)
{
	char path[PATH_MAX];
	char name[16];
	int run, node, fd;
	int rc = state_path(&record->id, path);

	if (rc == 0 && record->dirfd >= 0)
		rc = journal_append(record->dirfd, "run", path);
	if (rc < 0)
		return rc;
	run = fs_open_folder(WNODES_RUNDIR, 0755);
	if (run < 0)
		return run;
	node = fs_open_child(run, record->id.node, true, 0755);
	close(run);
	if (node < 0)
		return node;
	(void)snprintf(name, sizeof(name), "%" PRIu32, record->id.job);
	/* one of another boot or version, its rights unknown, gives way */
	rc = fs_remove_folder(node, name);
	fd = rc < 0 ? rc : fs_open_child(node, name, true, 0700);
	close(node);
	if (fd < 0)
		return fd;
	rc = fs_allow_reader(fd, uid);
	close(fd);
	return rc;
}

int state_make_folder(const struct record *record, uid_t uid, struct failure *why)
{
	int rc = state_make(record, uid);

	if (rc == -EOPNOTSUPP)
		return failure_set(why, EXIT_NODE, "the file system of %s has no ACLs", WNODES_RUNDIR);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot make the job's folder in %s: %s", WNODES_RUNDIR,
		                   strerror(-rc));
	return 0;
}

/* What the record knows and the state shows, under the same names. */
static int state_copy(const struct record *record, struct kv *kv)
{
	static const char *const keys[] = {"node",           "job",
	                                   "restart",        "uid",
	                                   "image",          "vcpus",
	                                   "cpuset",         "memory_mib",
	                                   "boot_timeout",   "t.prepared",
	                                   "slurm_commands", "slurm_images",
	                                   "vm_mount",       "vm_boot_timeout",
	                                   "image_entry",    "digest",
	                                   "vm_disk",        "vm_network",
	                                   "vf_ms",          "vf_ms.lease",
	                                   "vf_ms.set",      "vf_ms.bind"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = kv_get(&record->kv, keys[i]);

		if (value)
			rc = kv_set(kv, keys[i], value);
	}
	return rc;
}

/* One change of the state file. */
struct change {
	const char *event;
	bool is_state;
	const struct failure *why; /* NULL where nothing failed */
	const char *message;       /* of a state that lasts; NULL: none */
	bool lasts;                /* its time stays that of its beginning */
	const char *namespace;     /* of this process, which is to be named; NULL: it is not */
	uint64_t timeout;
};

static int state_put(struct kv *kv, const struct change *change)
{
	const struct failure *why = change->why;
	char key[32];
	int rc = str_print(key, sizeof(key), "t.%s", change->event);

	if (rc == 0 && change->is_state)
		rc = kv_set(kv, "state", change->event);
	if (rc == 0 && change->is_state)
		rc = kv_set(kv, "message", why ? why->message : change->message);
	if (rc == 0 && why)
		rc = kv_setf(kv, "code", "%d", why->code);
	if (rc == 0 && change->lasts && change->message)
		rc = kv_setf(kv, "said", "%" PRIu64, clock_wall());
	if (rc == 0 && change->namespace)
		rc = kv_setf(kv, "process", "%d", (int)getpid());
	if (rc == 0 && change->namespace)
		rc = kv_set(kv, "pid_namespace", change->namespace);
	if (rc == 0 && change->timeout)
		rc = kv_setf(kv, "timeout", "%" PRIu64, change->timeout);
	else if (rc == 0 && change->is_state && !change->lasts)
		rc = kv_set(kv, "timeout", NULL);
	if (rc == 0 && !(change->lasts && kv_get(kv, key)))
		rc = kv_setf(kv, key, "%" PRIu64, clock_wall());
	return rc;
}

static int state_update(const struct record *record, const struct change *change)
{
	struct kv kv = {0};
	int fd = state_open(&record->id);
	int rc;

	if (fd < 0)
		return fd;
	rc = kv_load(&kv, fd, "state");
	if (rc == -ENOENT || rc == -EINVAL)
		rc = 0;
	if (rc == 0)
		rc = state_copy(record, &kv);
	if (rc == 0)
		rc = state_put(&kv, change);
	if (rc == 0)
		rc = kv_save(&kv, fd, "state", 0644, 0);
	kv_free(&kv);
	close(fd);
	return rc;
}

int state_set(const struct record *record, const char *state, const struct failure *why)
{
	const struct change change = {.event = state, .is_state = true, .why = why};

	return state_update(record, &change);
}

int state_progress(const struct record *record, const char *state, const char *message, uint64_t timeout)
{
	const struct change change = {
	        .event = state, .is_state = true, .message = message, .lasts = true, .timeout = timeout};

	return state_update(record, &change);
}

int state_name_process(const struct record *record)
{
	char namespace[64];
	ssize_t length = readlink("/proc/self/ns/pid", namespace, sizeof(namespace) - 1);
	const struct change change = {.event = "starting", .is_state = true, .lasts = true, .namespace = namespace};

	if (length < 0)
		return -errno;
	namespace[length] = 0;
	return state_update(record, &change);
}

int state_mark(const struct record *record, const char *event)
{
	const struct change change = {.event = event};

	return state_update(record, &change);
}

int state_load(const struct record_id *id, struct kv *kv)
{
	int fd = state_open(id);
	int rc = fd;

	kv_free(kv);
	if (fd >= 0) {
		rc = kv_load(kv, fd, "state");
		close(fd);
	}
	return rc;
}

int state_remove_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int rc;
	int fd;

	/* only ever RUNDIR/NODE/JOB: the journal is trusted, and held to its word all the same */
	if (!name || strncmp(folder, WNODES_RUNDIR "/", sizeof(WNODES_RUNDIR)) != 0)
		return -EINVAL;
	fd = fs_open_folder(folder, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	rc = fs_remove_folder(fd, name);
	close(fd);
	return rc;
}
