/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Until the machine is there: its state file tells how far it is, and every wait has a bound. */
#include "run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"

#define POLL_USEC RUN_SECOND         /* inotify may miss a change; a second is soon enough */
#define RETRY_USEC (RUN_SECOND / 10) /* the relay's socket may appear at any moment */
#define FROZEN_USEC (5 * RUN_SECOND)
#define PREPARED_SECONDS 10U
#define START_SECONDS 120U
#define BOOT_SECONDS_MAX 86400U
#define BOOT_EXTRA_SECONDS 60U
#define LASTING_SECONDS_MAX 86400U
#define LASTING_EXTRA_SECONDS 60U
#define LASTING_SHOW_SECONDS 5U
#define READY_SECONDS 60U
#define LOST_SECONDS 2U

static enum run_verdict fail(struct run_failure *failure, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static enum run_verdict fail(struct run_failure *failure, int code, const char *format, ...)
{
	va_list arguments;

	failure->code = code;
	va_start(arguments, format);
	(void)vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	return RUN_FAIL;
}

static enum run_verdict judge_failed(const struct kv *state, struct run_failure *failure)
{
	const char *message = kv_get(state, "message");
	uint64_t code = EXIT_NODE;

	if (kv_get_u64(state, "code", 1, 255, &code) < 0)
		code = EXIT_NODE;
	return fail(failure, (int)code, "%s", message ? message : "the VM failed, and nothing says why");
}

/* Of a state that takes its time: has it, or is there nobody any more who says how far it is? */
static enum run_verdict judge_lasting(struct run_wait *wait, const struct kv *state, uint64_t now,
                                      struct run_failure *failure)
{
	const char *what = strcmp(wait->state, "disk") == 0 ? "disk was not made" : "image was not fetched";
	uint64_t timeout, said = 0;

	if (kv_get_u64(state, "timeout", 1, LASTING_SECONDS_MAX, &timeout) < 0)
		timeout = START_SECONDS - LASTING_EXTRA_SECONDS;
	(void)kv_get_u64(state, "said", 1, UINT64_MAX, &said);
	if (said != wait->said || wait->heard < wait->changed)
		wait->heard = now;
	wait->said = said;
	if (now - wait->changed >= (timeout + LASTING_EXTRA_SECONDS) * RUN_SECOND)
		return fail(failure, EXIT_NODE, "the VM's %s within %" PRIu64 " s, and nothing says why", what,
		            timeout + LASTING_EXTRA_SECONDS);
	if (said && kv_get(state, "message") && now - wait->heard >= START_SECONDS * RUN_SECOND)
		return fail(failure, EXIT_NODE, "the VM's %s: for %u s nothing has said how far it is", what,
		            START_SECONDS);
	return RUN_WAIT;
}

/* The machine is on its way, or there: for how long may it stay so? */
static enum run_verdict judge_progress(struct run_wait *wait, const struct kv *state, uint64_t now,
                                       struct run_failure *failure)
{
	uint64_t seconds = (now - wait->changed) / RUN_SECOND;
	uint64_t timeout;

	if (strcmp(wait->state, "allocated") == 0 || strcmp(wait->state, "starting") == 0) {
		if (seconds >= START_SECONDS)
			return fail(failure, EXIT_NODE, "the VM did not start: it has been in state \"%s\" for %u s",
			            wait->state, START_SECONDS);
		return RUN_WAIT;
	}
	if (strcmp(wait->state, "fetching") == 0 || strcmp(wait->state, "disk") == 0)
		return judge_lasting(wait, state, now, failure);
	if (strcmp(wait->state, "booting") == 0) {
		if (kv_get_u64(state, "boot_timeout", 1, BOOT_SECONDS_MAX, &timeout) < 0)
			timeout = START_SECONDS;
		if (seconds >= timeout + BOOT_EXTRA_SECONDS)
			return fail(failure, EXIT_NODE,
			            "the VM did not become ready within %" PRIu64 " s, and its monitor says nothing",
			            timeout + BOOT_EXTRA_SECONDS);
		return RUN_CONNECT;
	}
	if (strcmp(wait->state, "ready") == 0) {
		if (seconds >= READY_SECONDS)
			return fail(failure, EXIT_NODE, "the VM is ready, but its relay does not answer");
		return RUN_CONNECT;
	}
	return fail(failure, EXIT_NODE, "the VM is in a state that is not known here: \"%s\"", wait->state);
}

enum run_verdict run_wait_judge(struct run_wait *wait, const struct kv *state, int rc, uint64_t now,
                                struct run_failure *failure)
{
	const char *name = rc == 0 ? kv_get(state, "state") : "";

	if (!name || strlen(name) >= sizeof(wait->state))
		name = "?";
	if (strcmp(name, wait->state) != 0 || wait->changed == 0) {
		(void)snprintf(wait->state, sizeof(wait->state), "%s", name);
		wait->changed = now;
	}
	if (rc == -ESTALE)
		return fail(failure, EXIT_NODE, "the VM of this job is gone from this node");
	if (rc < 0 && rc != -ENOENT)
		return fail(failure, EXIT_NODE, "cannot read the VM's state: %s", strerror(-rc));
	if (strcmp(name, "failed") == 0)
		return judge_failed(state, failure);
	if (strcmp(name, "ended") == 0)
		return fail(failure, EXIT_MACHINE, "the VM has ended");
	if (rc == 0 && strcmp(name, "prepared") != 0)
		return judge_progress(wait, state, now, failure);
	if (now - wait->started <= PREPARED_SECONDS * RUN_SECOND)
		return RUN_WAIT;
	if (rc < 0)
		return fail(failure, EXIT_NODE, "the VM of this job has no state on this node");
	return fail(failure, EXIT_NODE, "this node has no extern step: PrologFlags=Contain is required in slurm.conf");
}

void run_wait_skip(struct run_wait *wait, uint64_t now)
{
	uint64_t gap = wait->looked ? now - wait->looked : 0;

	if (gap > FROZEN_USEC) {
		wait->started += gap;
		wait->changed += wait->changed ? gap : 0;
		wait->heard += wait->heard ? gap : 0;
	}
	wait->looked = now;
}

bool run_wait_is_orphaned(const struct kv *state)
{
	const char *theirs = kv_get(state, "pid_namespace");
	char ours[64];
	ssize_t length = readlink("/proc/self/ns/pid", ours, sizeof(ours) - 1);
	uint64_t pid;

	if (!theirs || length < 0 || kv_get_u64(state, "process", 2, INT32_MAX, &pid) < 0)
		return false;
	ours[length] = 0;
	/* of root's process: EPERM as long as it is there */
	return strcmp(theirs, ours) == 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* kv_load()'s result, or -ESTALE where the run folder was removed. */
static int load_state(struct run *run, struct kv *state)
{
	struct stat st;
	int rc = kv_load(state, run->dir_fd, "state");

	if (rc == -ENOENT && (fstat(run->dir_fd, &st) < 0 || st.st_nlink == 0))
		return -ESTALE;
	return rc;
}

/* How far the image's download or the disk's copy is: a line every few seconds, which srun would not pass on without
 * its end. */
static void show_lasting(struct run *run, const struct kv *state)
{
	const char *message = kv_get(state, "message");
	uint64_t now = run_now();

	if (!message || (run->lasting_shown && now - run->lasting_shown < LASTING_SHOW_SECONDS * RUN_SECOND))
		return;
	run_say(run, "%s", message);
	run->lasting_shown = now;
}

/* A line for who sits before a terminal, at each change. */
static void show_progress(struct run *run, const struct kv *state, const char *before)
{
	const char *image = kv_get(state, "image");
	const char *now = run->wait.state;

	if (!run->options.tty || !run_speaks(run))
		return;
	if (strcmp(now, "fetching") == 0 || strcmp(now, "disk") == 0)
		show_lasting(run, state);
	if (strcmp(now, before) == 0)
		return;
	if (strcmp(now, "disk") == 0)
		now = "making its disk";
	else if (strcmp(now, "booting") != 0 && strcmp(now, "starting") != 0)
		return;
	(void)snprintf(run->image, sizeof(run->image), "%s", image ? image : "VM");
	run_say(run, "%s: %s", run->image, now);
	run->shown_waiting = true;
}

/* Who holds a connection hears it from the relay too, with the console's last lines: it has a moment for that. */
static uint64_t fail_or_listen(struct run *run, const struct run_failure *failure)
{
	if (run->phase == RUN_CONNECTING && run->lost_at == 0)
		run->lost_at = run_now();
	if (run->phase == RUN_CONNECTING && run_now() - run->lost_at < LOST_SECONDS * RUN_SECOND)
		return RETRY_USEC;
	run_fail(run, failure->code, "%s", failure->text);
	return 0;
}

/* Judge the state as it is now. */
static enum run_verdict judge(struct run *run, struct kv *state, struct run_failure *failure)
{
	int rc = load_state(run, state);

	run_wait_skip(&run->wait, run_now());
	return run_wait_judge(&run->wait, state, rc, run_now(), failure);
}

/* The same, where nobody makes the machine any more: unless that one's last word was why, it said nothing. */
static enum run_verdict judge_orphan(struct run *run, struct kv *state, struct run_failure *failure)
{
	enum run_verdict verdict = judge(run, state, failure);

	if (verdict == RUN_FAIL)
		return verdict;
	if (verdict == RUN_CONNECT)
		return fail(failure, EXIT_MACHINE, "the VM's monitor is gone");
	return fail(failure, EXIT_NODE, "what made the VM on the node has been killed, in state \"%s\"",
	            run->wait.state);
}

/* Look at the state. Returns the microseconds after which to look again, or 0: no need to. */
static uint64_t look(struct run *run)
{
	struct kv state = {0};
	struct run_failure failure = {0};
	char before[sizeof(run->wait.state)];
	uint64_t again = POLL_USEC;
	enum run_verdict verdict;

	memcpy(before, run->wait.state, sizeof(before));
	verdict = judge(run, &state, &failure);
	if (verdict != RUN_FAIL && run->phase == RUN_WAITING && run_wait_is_orphaned(&state))
		verdict = judge_orphan(run, &state, &failure);
	switch (verdict) {
	case RUN_FAIL:
		again = fail_or_listen(run, &failure);
		break;
	case RUN_CONNECT:
		show_progress(run, &state, before);
		if (run->phase == RUN_WAITING && run_client_connect(run) < 0)
			again = RETRY_USEC;
		break;
	case RUN_WAIT:
		show_progress(run, &state, before);
		break;
	}
	kv_free(&state);
	return again;
}

static void rearm(struct run *run, uint64_t usec)
{
	if (usec == 0 || !run->timer)
		return;
	if (sd_event_source_set_time_relative(run->timer, usec) < 0 ||
	    sd_event_source_set_enabled(run->timer, SD_EVENT_ONESHOT) < 0)
		run_fail(run, EXIT_NODE, "cannot wait for the VM: no memory");
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct run *run = data;

	(void)source;
	(void)usec;
	rearm(run, look(run));
	return 0;
}

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *data)
{
	struct run *run = data;

	(void)source;
	/* the state, or the relay's socket, or the folder itself */
	if (event->len > 0 && strcmp(event->name, "state") != 0 && strcmp(event->name, "tasks.sock") != 0)
		return 0;
	rearm(run, look(run));
	return 0;
}

int run_wait_start(struct run *run)
{
	run->wait.started = run_now();
	/* without inotify (its instances are limited per user) the timer alone must do */
	(void)sd_event_add_inotify(run->event, &run->inotify, run->options.run_dir,
	                           IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_ONLYDIR, on_inotify, run);
	return sd_event_add_time_relative(run->event, &run->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, run);
}

/* Once the connection is lost, only a state that says why is of interest. */
static int on_lost_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct run *run = data;
	struct run_failure failure = {0};
	struct kv state = {0};
	int rc = load_state(run, &state);
	bool is_over;

	(void)source;
	(void)usec;
	(void)run_wait_judge(&run->wait, &state, rc, run_now(), &failure);
	is_over = strcmp(run->wait.state, "failed") == 0 || strcmp(run->wait.state, "ended") == 0;
	kv_free(&state);
	if (is_over)
		run_fail(run, failure.code, "%s", failure.text);
	else if (rc < 0 || run_now() - run->lost_at >= LOST_SECONDS * RUN_SECOND)
		run_fail(run, EXIT_MACHINE, "the VM's monitor is gone");
	else
		rearm(run, RETRY_USEC);
	return 0;
}

void run_wait_lost(struct run *run)
{
	run->phase = RUN_LOST;
	run->lost_at = run_now();
	run->inotify = sd_event_source_disable_unref(run->inotify);
	run->timer = sd_event_source_disable_unref(run->timer);
	if (sd_event_add_time_relative(run->event, &run->timer, CLOCK_MONOTONIC, 0, 1000, on_lost_timer, run) < 0)
		run_fail(run, EXIT_MACHINE, "the VM's monitor is gone");
}
