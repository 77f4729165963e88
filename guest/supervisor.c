/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/leader.h"
#include "guest/log.h"
#include "guest/memory.h"
#include "guest/programs.h"
#include "guest/pty.h"
#include "guest/report.h"
#include "guest/script.h"
#include "guest/spec.h"
#include "guest/tree.h"

#ifndef PR_SET_CHILD_SUBREAPER
#define PR_SET_CHILD_SUBREAPER 36
#endif

#define NOT_EXECUTABLE 126
#define PIPE_SIZE 65536U     /* bytes of a pipe that is left as the kernel made it */
#define FILES 16384U         /* open files the agent wants: four for each of 1024 tasks, and some */
#define OTHER_FILES 16       /* open files of the agent that are no task's pipes, at most */
#define TERMINAL_MS 10L      /* for what the task has written to a terminal to arrive at its other end */
#define HANGUP_MS 900U       /* for a session to end by the hang-up of its terminal, before it is killed */
#define GROUP_MS 100U        /* for the end of the leader's process group */
#define PLAIN_PASSES 4       /* of killing, before everything is stopped first */
#define PAUSE_MAX_MS 100U    /* between two passes */
#define EMPTY_LOOKS 5U       /* in a row, where nothing else tells that nobody is left */
#define SESSION_PERIOD 1000U /* ms: how often to look for a session's end where nobody tells */

static int highest_pipe; /* the highest descriptor that a pipe of a task ever had */
static struct rlimit given_files = {.rlim_cur = 1024, .rlim_max = 4096};

struct supervisor {
	int command, report; /* the other ends of struct supervised; command is -1 once all shall be killed */
	int failed;          /* from the leader until it has executed the task; then -1 */
	int terminal;        /* open while the leader lives, so that its terminal does not end before it; or -1 */
	pid_t leader;        /* 0 once it has been reaped */
	pid_t session;       /* where there is no subreaper: the leader's, else 0 */
	bool children;       /* there are some */
	bool started;
	bool controls; /* terminal is the leader's controlling one */
};

void supervisor_take_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &given_files) < 0 || given_files.rlim_cur >= FILES)
		return;
	files.rlim_cur = FILES;
	files.rlim_max = given_files.rlim_max > FILES ? given_files.rlim_max : FILES;
	if (setrlimit(RLIMIT_NOFILE, &files) == 0)
		return;
	files.rlim_cur = given_files.rlim_max;
	files.rlim_max = given_files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

void supervisor_forgets(int fd)
{
	highest_pipe = fd > highest_pipe ? fd : highest_pipe;
}

static void on_child(int number)
{
	(void)number; /* it ends ppoll(2) */
}

/*
 * The agent's descriptors are no business of a supervisor. They are numbered
 * as low as they can be, and few are not pipes of tasks. (A look into
 * /proc/self/fd would cost the kernel memory for each of them.)
 */
static void close_others(const int *keep, size_t count)
{
	for (int fd = 3; fd <= highest_pipe + OTHER_FILES; fd++) {
		bool kept = false;

		for (size_t i = 0; i < count; i++)
			kept = kept || fd == keep[i];
		if (!kept)
			close(fd);
	}
}

/* Say why the task was not even tried, as the leader would. */
static void refuse(struct supervisor *self, const char *what, const char *why)
{
	report_note(self->report, 1, "%s: %s", what, why);
	report_put(self->report, REPORT_ENDED, 0, NOT_EXECUTABLE);
}

/* Once the leader has executed the task, or has failed to. */
static void leader_executed(struct supervisor *self)
{
	char byte;
	ssize_t rc = read(self->failed, &byte, 1);

	if (rc < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	close(self->failed);
	self->failed = -1;
	if (rc == 0) {
		self->started = true;
		report_put(self->report, REPORT_STARTED, (uint32_t)self->leader, 0);
	}
}

/* Older kernels hand on what was written to a terminal a moment later, and nothing tells when. */
static void terminal_settle(struct supervisor *self)
{
	struct timespec moment = {.tv_nsec = TERMINAL_MS * 1000000L};

	if (self->terminal < 0)
		return;
	nanosleep(&moment, NULL);
	close(self->terminal);
	self->terminal = -1;
}

static void leader_ended(struct supervisor *self, int status)
{
	/* What the leader said before it ended comes first. */
	if (self->failed >= 0)
		leader_executed(self);
	self->leader = 0;
	terminal_settle(self);
	if (WIFSIGNALED(status))
		report_put(self->report, REPORT_ENDED, 1, (uint32_t)WTERMSIG(status));
	else
		report_put(self->report, REPORT_ENDED, 0, (uint32_t)WEXITSTATUS(status));
}

static void reap(struct supervisor *self)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == self->leader)
			leader_ended(self, status);
	self->children = pid == 0;
}

/* Wait for children's ends, ms at most, until there are none. */
static void await_ends(struct supervisor *self, unsigned int ms)
{
	struct timespec time = {.tv_nsec = (long)ms * 1000000L};
	uint64_t until = agent_now() + ms;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	do {
		sigtimedwait(&child, NULL, &time);
		reap(self);
	} while (self->children && agent_now() < until);
}

/* Until nothing is left; a process that the kernel does not let go keeps the supervisor here. */
static void kill_all(struct supervisor *self)
{
	unsigned int pause = 1, empty = 0;
	int found;

	/* The agent has hung up: who wants to save his work can. */
	if (self->leader && self->controls) {
		kill(-self->leader, SIGHUP);
		kill(-self->leader, SIGCONT);
		await_ends(self, HANGUP_MS);
	}
	/* Mostly this is all, and needs no look at every process there is. */
	if (self->leader) {
		kill(-self->leader, SIGKILL);
		kill(self->leader, SIGKILL);
		await_ends(self, GROUP_MS);
	}
	for (int i = 0; self->children || self->session; i++) {
		found = tree_kill(self->session, i >= PLAIN_PASSES);
		await_ends(self, pause);
		/* A look at /proc can miss what forks and ends meanwhile. */
		empty = found <= 0 && !self->children ? empty + 1 : 0;
		if (empty > EMPTY_LOOKS)
			break;
		if (pause < PAUSE_MAX_MS)
			pause *= 2;
	}
}

static void take_commands(struct supervisor *self)
{
	unsigned char numbers[64];
	ssize_t got = read(self->command, numbers, sizeof(numbers));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		close(self->command);
		self->command = -1;
		return;
	}
	for (ssize_t i = 0; i < got; i++)
		if (self->leader) /* not reaped, so the number is still its own */
			kill(self->leader, numbers[i]);
}

/* Whether there is anybody left to supervise. */
static bool anybody(const struct supervisor *self)
{
	if (self->leader || self->children)
		return true;
	return self->session && tree_has_session(self->session);
}

static void watch(struct supervisor *self)
{
	struct timespec period = {.tv_sec = SESSION_PERIOD / 1000};
	sigset_t waiting;

	sigfillset(&waiting);
	sigdelset(&waiting, SIGCHLD);
	reap(self);
	while (anybody(self)) {
		struct pollfd polls[2] = {{.fd = self->command, .events = POLLIN},
		                          {.fd = self->failed, .events = POLLIN}};

		if (self->command < 0) {
			kill_all(self);
			return;
		}
		if (ppoll(polls, 2, self->session ? &period : NULL, &waiting) < 0)
			polls[0].revents = polls[1].revents = 0;
		if (polls[1].revents)
			leader_executed(self);
		reap(self);
		if (polls[0].revents)
			take_commands(self);
	}
}

/* Fork the leader; the ends of pipes in std are closed here, in any case. */
static int fork_leader(struct supervisor *self, struct leader *leader)
{
	int ends[2] = {-1, -1}, rc = 0;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		rc = -errno;
	} else {
		leader->failed = ends[1];
		self->leader = fork();
		if (self->leader == 0)
			leader_run(leader);
		if (self->leader < 0)
			rc = -errno;
		close(ends[1]);
	}
	for (int i = 0; i < 3; i++)
		close(leader->std[i]);
	if (rc < 0) {
		self->leader = 0;
		close(ends[0]);
		return rc;
	}
	self->failed = ends[0];
	return 0;
}

/* The task's own of several programs (srun --multi-prog). Returns NULL, or why not. */
static const char *choose_program(struct spec *spec)
{
	const char *rank = spec_getenv(spec, "SLURM_PROCID");
	char **argv;
	int rc;

	if (!spec->programs)
		return NULL;
	rc = programs_choose(spec->programs, rank ? (uint32_t)strtoul(rank, NULL, 10) : 0, &argv);
	if (rc < 0)
		return rc == -ENOENT ? "no program for this task" : strerror(-rc);
	free(spec->argv);
	spec->argv = argv;
	return NULL;
}

static void run_task(struct supervisor *self, const struct job *job, uint8_t *bytes, size_t size, const int std[3])
{
	struct leader leader = {.job = job,
	                        .std = {std[0], std[1], std[2]},
	                        .in_session = !self->session,
	                        .report = self->report,
	                        .files = given_files.rlim_cur,
	                        .files_hard = given_files.rlim_max};
	char script[SCRIPT_PATH_MAX] = "";
	const char *why;
	struct spec spec;
	int rc;

	rc = spec_parse(bytes, size, &spec, &why);
	if (rc < 0) {
		refuse(self, "the task's description is not right", rc == -EPROTO ? why : strerror(-rc));
		return;
	}
	why = choose_program(&spec);
	if (why) {
		refuse(self, "srun: --multi-prog", why);
		return;
	}
	if (spec.script)
		rc = script_store(spec.script, spec.script_length, job->uid, job->gid, script);
	if (rc < 0) {
		refuse(self, "the batch script cannot be stored in the guest", strerror(-rc));
		return;
	}
	self->controls = spec.terminal.streams & TERMINAL_STDIN;
	leader.spec = &spec;
	leader.script = spec.script ? script : NULL;
	rc = fork_leader(self, &leader);
	if (rc < 0)
		refuse(self, "the guest cannot start a process", strerror(-rc));
	spec_free(&spec);
	memory_free(bytes, size + 1);
	if (rc == 0) {
		if (self->session)
			self->session = self->leader; /* it calls setsid(2) */
		watch(self);
	}
	if (script[0])
		script_remove(script);
}

static _Noreturn void supervise(const struct job *job, uint8_t *bytes, size_t size, int command, int report,
                                const int std[3], int terminal)
{
	struct sigaction action = {.sa_handler = on_child};
	const int keep[] = {command, report, std[0], std[1], std[2], terminal};
	struct supervisor self = {.command = command, .report = report, .failed = -1, .terminal = terminal};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGCHLD, &action, NULL);
	close_others(keep, sizeof(keep) / sizeof(keep[0]));
	prctl(PR_SET_NAME, "wnodes-task");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		self.session = 1; /* any but 0, until there is one */
	setsid();
	run_task(&self, job, bytes, size, std);
	_exit(0);
}

static void note_highest(int fd)
{
	highest_pipe = fd > highest_pipe ? fd : highest_pipe;
}

/* The pipe's end that is the agent's does not block; of a pair, `agent` is its index. */
static int make_pipe(int ends[2], int agent)
{
	if (pipe2(ends, O_CLOEXEC) < 0) {
		ends[0] = -1;
		ends[1] = -1;
		return -errno;
	}
	note_highest(ends[0]);
	note_highest(ends[1]);
	fcntl(ends[agent], F_SETFL, O_NONBLOCK);
	return 0;
}

/* As make_pipe(), of the terminal. What the task writes to stderr comes out where stdout does. */
static int share_terminal(int ends[2], int agent, const struct pty *pty, bool wanted)
{
	ends[agent] = wanted ? fcntl(pty->master, F_DUPFD_CLOEXEC, 3) : -1;
	ends[1 - agent] = fcntl(pty->slave, F_DUPFD_CLOEXEC, 3);
	note_highest(ends[0]);
	note_highest(ends[1]);
	return ends[1 - agent] < 0 || (wanted && ends[agent] < 0) ? -errno : 0;
}

static int make_stream(int ends[2], int agent, const struct job *job, uint32_t size)
{
	int rc = make_pipe(ends, agent);

	/* So that the task can open /dev/stdout, as it could on the host. */
	if (rc == 0 && fchown(ends[0], job->uid, job->gid) < 0)
		rc = -errno;
	if (rc == 0 && size > PIPE_SIZE)
		fcntl(ends[0], F_SETPIPE_SZ, size);
	return rc;
}

static void shut(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* 0 to 2: the task's streams, most of whose bytes come on stdout; 3: commands; 4: reports. [1] is written to, [0] is
 * read. */
static int make_ends(int ends[5][2], const int agents[5], const struct job *job, const struct terminal *terminal,
                     uint32_t window, struct pty *pty)
{
	int rc = terminal->streams ? pty_open(pty, terminal, job->uid) : 0;

	note_highest(pty->master);
	note_highest(pty->slave);
	for (int i = 0; i < 5 && rc == 0; i++) {
		if (i < 3 && terminal->streams >> i & 1)
			rc = share_terminal(ends[i], agents[i], pty, i < 2);
		else if (i < 3)
			rc = make_stream(ends[i], agents[i], job, i == 1 ? window : window / 4);
		else
			rc = make_pipe(ends[i], agents[i]);
	}
	return rc;
}

int supervisor_start(const struct job *job, uint8_t *spec, size_t size, uint32_t window, struct supervised *supervised)
{
	static const int agents[5] = {1, 0, 0, 1, 0};
	int ends[5][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}, rc;
	struct pty pty = {.master = -1, .slave = -1};
	struct terminal terminal;

	spec_terminal(spec, size, &terminal);
	rc = make_ends(ends, agents, job, &terminal, window, &pty);
	if (rc == 0) {
		memory_inherit(spec, size + 1);
		supervised->pid = fork();
		if (supervised->pid == 0)
			supervise(job, spec, size, ends[3][0], ends[4][1], (int[3]){ends[0][0], ends[1][1], ends[2][1]},
			          pty.slave);
		if (supervised->pid < 0)
			rc = -errno;
	}
	shut(pty.master);
	shut(pty.slave);
	for (int i = 0; i < 5; i++) {
		shut(ends[i][1 - agents[i]]);
		if (rc < 0)
			shut(ends[i][agents[i]]);
	}
	for (int i = 0; i < 3; i++)
		supervised->std[i] = ends[i][agents[i]];
	supervised->terminal = terminal.streams;
	supervised->command = ends[3][1];
	supervised->report = ends[4][0];
	return rc;
}
