/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * start: executed by the job's user, and the only verb that does something for
 * one. Its caller's word counts for nothing: Slurm's extern step says whose
 * the job is, the record says what it gets, and it happens once.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/config.h"
#include "helper/launch.h"
#include "helper/owner.h"
#include "helper/record.h"
#include "helper/state.h"
#include "helper/verbs.h"

#define ENTER_MS 10000 /* for the detached half to stand in its cgroup */

/* By Slurm's word, then by the record's. */
static int start_check_owner(const struct caller *caller, const struct args *args, uint32_t job, struct failure *why)
{
	static struct config config;
	char spool[PATH_MAX];
	uid_t owner = (uid_t)-1;
	int rc = config_load(&config, why);

	if (rc < 0)
		return rc;
	if (config_spool(&config, args->value[ARG_NODE], spool) < 0)
		return failure_set(why, EXIT_NODE, "wnodes.conf: slurmd_spool_dir cannot be used");
	rc = owner_of_job(spool, args->value[ARG_NODE], job, &owner);
	if (rc == -ENOTDIR)
		return failure_set(why, EXIT_DENIED, "there is no %s: a node of that name is not on this host", spool);
	if (rc < 0 && rc != -ENOENT)
		return failure_set(why, EXIT_NODE, "cannot ask Slurm's extern step in %s: %s", spool, strerror(-rc));
	/* one answer for both: who is denied learns nothing of others' jobs */
	if (rc < 0 || owner != caller->uid || caller->uid == 0)
		return failure_set(why, EXIT_DENIED, "job %" PRIu32 " is not a job of yours on this node", job);
	return 0;
}

/* Take the record: locked, the caller's, and waiting to be started. */
static int start_take(const struct caller *caller, const struct args *args, uint32_t job, struct record *record,
                      struct failure *why)
{
	const char *message;
	uint64_t code = EXIT_NODE;
	uint64_t uid = 0;
	int rc = record_open_latest(record, args->value[ARG_NODE], job);

	if (rc < 0)
		return failure_set(why, EXIT_DENIED, "job %" PRIu32 " asked for no machine", job);
	rc = record_lock(record, 0);
	if (rc == -EBUSY)
		rc = failure_set(why, EXIT_DENIED, "job %" PRIu32 " has been started already", job);
	else if (rc < 0 || record_is_cancelled(record))
		rc = failure_set(why, EXIT_DENIED, "job %" PRIu32 " is being ended", job);
	else if (kv_get_u64(&record->kv, "uid", 1, UINT32_MAX - 1, &uid) < 0 || uid != caller->uid)
		rc = failure_set(why, EXIT_DENIED, "job %" PRIu32 " is not a job of yours on this node", job);
	if (rc == 0 && record_is(record, "failed")) {
		message = kv_get(&record->kv, "message");
		(void)kv_get_u64(&record->kv, "code", EXIT_USAGE, EXIT_DENIED, &code);
		rc = failure_set(why, (int)code, "job %" PRIu32 ": %s", job, message ? message : "failed");
	} else if (rc == 0 && !record_is(record, "allocated")) {
		rc = failure_set(why, EXIT_DENIED, "job %" PRIu32 " is not waiting to be started", job);
	}
	if (rc < 0)
		record_close(record);
	return rc;
}

/* The detached half: stand in the cgroup, say so, go on. */
static _Noreturn void start_child(struct record *record, int fd)
{
	struct failure why = {0};

	if (cgroup_enter(record, &why) < 0) {
		(void)record_set_phase(record, "failed", &why);
		(void)state_set(record, "failed", &why);
	}
	/* the failure as it is: code 0 is success */
	if (write(fd, &why, sizeof(why)) != (ssize_t)sizeof(why) || why.code)
		_exit(EXIT_NODE);
	close(fd);
	launch(record);
}

/* Wait until the detached half stands in its cgroup, or says why it does not. */
static int start_wait(int fd, struct failure *why)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct failure said;

	if (poll(&wait, 1, ENTER_MS) > 0 && read(fd, &said, sizeof(said)) == (ssize_t)sizeof(said)) {
		*why = said;
		return why->code ? -EIO : 0;
	}
	return failure_set(why, EXIT_NODE, "the machine's processes did not get into the job's cgroup");
}

static int start_detached(struct record *record, struct failure *why)
{
	int fds[2];
	pid_t child;
	int rc = record_set_phase(record, "started", NULL);

	if (rc == 0)
		rc = state_set(record, "starting", NULL);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot write the job's record: %s", strerror(-rc));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return failure_set(why, EXIT_NODE, "socketpair: %s", strerror(errno));
	child = fork();
	if (child == 0) {
		close(fds[0]);
		start_child(record, fds[1]);
	}
	close(fds[1]);
	rc = child < 0 ? failure_set(why, EXIT_NODE, "fork: %s", strerror(errno)) : start_wait(fds[0], why);
	close(fds[0]);
	if (rc < 0 && child > 0)
		(void)kill(child, SIGKILL);
	return rc;
}

int verb_start(const struct caller *caller, const struct args *args, struct failure *why)
{
	struct record record;
	uint64_t job;

	if (args_u64(args, ARG_JOB, 1, RECORD_JOB_MAX, &job, why) < 0 ||
	    start_check_owner(caller, args, (uint32_t)job, why) < 0 ||
	    start_take(caller, args, (uint32_t)job, &record, why) < 0)
		return why->code;
	if (start_detached(&record, why) < 0) {
		(void)record_set_phase(&record, "failed", why);
		(void)state_set(&record, "failed", why);
	}
	record_close(&record);
	return why->code;
}
