/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/grow.h"
#include "guest/home.h"
#include "guest/hostkeys.h"
#include "guest/init.h"
#include "common/command.h"
#include "guest/command.h"
#include "guest/execute.h"
#include "guest/job.h"
#include "guest/log.h"
#include "guest/mounted.h"
#include "guest/network.h"
#include "guest/oom.h"
#include "guest/port.h"
#include "guest/redirect.h"
#include "guest/supervisor.h"
#include "guest/task.h"
#include "guest/tree.h"

#ifndef PR_SET_CHILD_SUBREAPER
#define PR_SET_CHILD_SUBREAPER 36
#endif

#define OPEN_MS 10U         /* between looks for the port */
#define REOPEN_MS 50U       /* after the host has gone, or is not understood */
#define UNCONNECTED_MS 20U  /* between looks whether the host is there */
#define ESCAPED_MS 20U      /* before READY looks again for daemons that have been killed */
#define FORGOTTEN_MS 10000U /* READY waits so long for the end of an earlier job's tasks */
#define COMPLAIN_MS 30000U  /* without a port: say so that often */
#define PONGS_MAX 16U

struct machine {
	struct port port;
	struct job job;
	struct tasks tasks;
	struct clock_check clock;
	struct commands commands;
	const char *etc;
	bool grown;   /* the root file system has taken up its disk, or cannot */
	bool greeted; /* the host's HELLO has come */
	bool known;   /* its JOB has come */
	bool say_hello, say_ready;
	struct mounted mounted;
	struct networks networks;
	const struct unfit *unfit; /* why the job cannot be done: still to be said; or NULL */
	uint64_t ready_by;         /* READY waits no longer than until then */
	uint64_t open_at;          /* while the port is closed: try again then */
	uint64_t look_at;          /* while the host is not there: look again then; else 0 */
	uint64_t complain_at;
	uint64_t pongs[PONGS_MAX];
	size_t pong_count;
	bool escapes;    /* the kernel lets daemons out of their supervisor's sight */
	bool busy;       /* if so: there have been tasks, or such daemons, at the last look */
	uid_t tasks_uid; /* whose they are */
	uid_t uid;       /* the job's user */
	bool stop;
	int code;
};

static volatile sig_atomic_t stopping, child_ended;

static void on_signal(int number)
{
	if (number == SIGCHLD)
		child_ended = 1;
	else
		stopping = 1;
}

/* All signals stay blocked but for the moment of ppoll(2): so none is missed, and none comes elsewhere. */
static void take_signals(void)
{
	static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void reap(struct machine *machine)
{
	int status;
	pid_t pid;

	child_ended = 0;
	/* a supervisor's end is seen by its pipe's */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		networks_reaped(&machine->networks, pid, status);
}

static void forget(struct machine *machine)
{
	commands_close(&machine->commands);
	tasks_forget(&machine->tasks);
	mounted_undo(&machine->mounted);
	networks_undo(&machine->networks);
	redirect_forget();
	machine->unfit = NULL;
	job_free(&machine->job);
	machine->known = false;
	machine->say_ready = false;
	machine->clock = (struct clock_check){0};
	machine->pong_count = 0;
	machine->ready_by = agent_now() + FORGOTTEN_MS;
}

/* Close the port and begin anew. */
static void start_over(struct machine *machine, const char *why)
{
	agent_log("the port is closed: %s", why);
	port_close(&machine->port);
	forget(machine);
	machine->greeted = false;
	machine->say_hello = false;
	machine->look_at = 0;
	machine->open_at = agent_now() + REOPEN_MS;
	machine->stop = machine->stop || machine->port.given;
}

/* Behind a stand-in for the port all is the host's own: its clock, its disk. */
static bool is_standin(const struct port *port)
{
	return port->given || port->path;
}

static void open_port(struct machine *machine, uint64_t now)
{
	int rc = port_open(&machine->port);

	if (rc == 0) {
		/* only now is it certain that this is a job's machine */
		if (!machine->grown && !is_standin(&machine->port))
			(void)grow("/");
		machine->grown = true;
		machine->say_hello = true;
		return;
	}
	machine->open_at = now + OPEN_MS;
	if (now < machine->complain_at)
		return;
	if (machine->complain_at)
		agent_log("the port cannot be opened: %s", strerror(-rc));
	machine->complain_at = now + COMPLAIN_MS;
}

static const char *take_hello(struct machine *machine, const uint8_t *payload)
{
	if (memcmp(payload, WIRE_MAGIC, 8) != 0)
		return "a HELLO of something else";
	if (wire_u32(payload + 8) != WIRE_VERSION)
		return "a HELLO of another version of the protocol";
	if (machine->greeted) {
		agent_log("another HELLO: the job is forgotten");
		forget(machine);
		machine->say_hello = true;
	}
	machine->greeted = true;
	return NULL;
}

static const char *take_job(struct machine *machine, const uint8_t *payload, size_t length)
{
	const char *why = NULL;
	int rc;

	if (machine->known)
		return "a second JOB";
	rc = job_parse(&machine->job, payload, length, &why);
	if (rc < 0)
		return rc == -ENOMEM ? "a JOB for which there is no memory" : why;
	machine->uid = machine->job.uid;
	/* first: the user's home may be in one of them */
	if (mounted_make(&machine->mounted, &machine->job))
		machine->unfit = &machine->mounted.unfit;
	job_apply(&machine->job, machine->etc);
	if (!is_standin(&machine->port)) {
		networks_begin(&machine->networks, &machine->job, machine->etc, "/run", init_is_agent());
		home_make(&machine->job);
		hostkeys_renew("", machine->job.uuid);
	}
	if (machine->job.commands)
		commands_open(&machine->commands, machine->job.commands, machine->uid, &machine->tasks);
	machine->known = true;
	machine->say_ready = !machine->unfit;
	if (!is_standin(&machine->port))
		clock_check_begin(&machine->clock, CLOCK_START_MS);
	return NULL;
}

static const char *take_ping(struct machine *machine, const uint8_t *payload)
{
	if (machine->known && !is_standin(&machine->port))
		clock_check_begin(&machine->clock, CLOCK_KEEP_MS);
	if (machine->pong_count == PONGS_MAX) /* the host does not read */
		memmove(machine->pongs, machine->pongs + 1, --machine->pong_count * sizeof(*machine->pongs));
	machine->pongs[machine->pong_count++] = wire_u64(payload);
	return NULL;
}

static const char *take_clock(struct machine *machine, const uint8_t *payload, size_t length)
{
	if (length != 16)
		return "a CLOCK that is none of a host's";
	if (machine->known && !is_standin(&machine->port))
		clock_check_answer(&machine->clock, wire_u64(payload), wire_u64(payload + 8));
	return NULL;
}

/* Returns what is wrong with the frame, or NULL. */
static const char *take_frame(struct machine *machine, const struct wire_frame *frame, const uint8_t *payload)
{
	const char *why = NULL;

	if (frame->type == WIRE_HELLO)
		return take_hello(machine, payload);
	if (!machine->greeted)
		return "a frame before HELLO";
	if (frame->type == WIRE_JOB)
		return take_job(machine, payload, frame->length);
	if (frame->type == WIRE_PING)
		return take_ping(machine, payload);
	if (frame->type == WIRE_CLOCK)
		return take_clock(machine, payload, frame->length);
	if (frame->channel == 0)
		return "a frame that is not for a guest";
	if (!machine->known)
		return "a task before JOB";
	if (command_is_channel(frame->channel))
		commands_frame(&machine->commands, frame, payload, &why);
	else
		tasks_frame(&machine->tasks, &machine->job, frame, payload, &why);
	return why;
}

static void take_frames(struct machine *machine)
{
	const uint8_t *payload;
	struct wire_frame frame;
	const char *why = NULL;

	while (!why && port_next(&machine->port, &frame, &payload, &why) > 0)
		why = take_frame(machine, &frame, payload);
	if (!why)
		return;
	agent_log("the host broke the protocol: %s", why);
	machine->code = machine->port.given ? 1 : 0;
	start_over(machine, "a violation");
}

/* The port can be read, or the host is not there. */
static void port_ready(struct machine *machine, uint64_t now)
{
	int rc = port_fill(&machine->port);

	take_frames(machine);
	if (machine->port.fd < 0 || machine->stop || rc == 0)
		return;
	if (rc == 1 && !machine->greeted && !machine->port.given)
		machine->look_at = now + UNCONNECTED_MS; /* it has not come yet */
	else
		start_over(machine, rc == 1 ? "the host is gone" : strerror(-rc));
}

static bool say(struct machine *machine, uint8_t type, const void *payload, size_t length)
{
	const struct wire_frame frame = {.length = (uint32_t)length, .type = type};

	return port_put(&machine->port, &frame, payload);
}

static bool say_hello(struct machine *machine)
{
	static const char program[] = "wnodes-agent " WNODES_VERSION;
	uint8_t bytes[16 + sizeof(program) - 1];

	memcpy(bytes, WIRE_MAGIC, 8);
	wire_put_u32(bytes + 8, WIRE_VERSION);
	wire_put_u32(bytes + 12, WIRE_NETWORKS);
	memcpy(bytes + 16, program, sizeof(program) - 1);
	return say(machine, WIRE_HELLO, bytes, sizeof(bytes));
}

static void ask_time(struct machine *machine, uint64_t now)
{
	struct clock_check next;
	uint8_t bytes[8];

	clock_check_tick(&machine->clock, now);
	next = machine->clock;
	if (!next.ask)
		return;
	wire_put_u64(bytes, clock_check_question(&next));
	if (say(machine, WIRE_CLOCK, bytes, sizeof(bytes)))
		machine->clock = next;
}

/* READY waits for the clock, for networks, and for the end of an earlier job's tasks, each for a time. */
static bool may_say_ready(const struct machine *machine, uint64_t now)
{
	return machine->say_ready && !machine->clock.running && !networks_hold(&machine->networks) &&
	       ((!tasks_forgotten_live(&machine->tasks) && !machine->busy) || now >= machine->ready_by);
}

/* A network that is not to come ends the machine, unless tasks run in it already. */
static void judge_networks(struct machine *machine)
{
	if (machine->say_ready && machine->networks.unfit.length > 0) {
		machine->unfit = &machine->networks.unfit;
		machine->say_ready = false;
	}
}

/* What channel 0 has to say, then the tasks. */
static void speak(struct machine *machine, uint64_t now)
{
	uint8_t bytes[8];

	if (machine->say_hello && say_hello(machine))
		machine->say_hello = false;
	ask_time(machine, now);
	judge_networks(machine);
	if (may_say_ready(machine, now) && say(machine, WIRE_READY, NULL, 0))
		machine->say_ready = false;
	if (machine->unfit && say(machine, WIRE_UNFIT, machine->unfit->bytes, machine->unfit->length))
		machine->unfit = NULL;
	while (machine->pong_count > 0) {
		wire_put_u64(bytes, machine->pongs[0]);
		if (!say(machine, WIRE_PONG, bytes, sizeof(bytes)))
			break;
		memmove(machine->pongs, machine->pongs + 1, --machine->pong_count * sizeof(*machine->pongs));
	}
	tasks_speak(&machine->tasks, &machine->port);
	commands_speak(&machine->commands, &machine->port);
}

/* The time until the next thing that nobody wakes us for; NULL where there is none. */
static struct timespec *time_left(const struct machine *machine, uint64_t now, struct timespec *time)
{
	uint64_t at = UINT64_MAX, ms, clock_due = clock_check_due(&machine->clock);

	if (machine->port.fd < 0)
		at = machine->open_at;
	else if (machine->look_at)
		at = machine->look_at;
	if (machine->port.retry_at && machine->port.retry_at < at)
		at = machine->port.retry_at;
	if (machine->say_ready && now < machine->ready_by && machine->ready_by < at)
		at = machine->busy && machine->tasks.count == 0 ? now + ESCAPED_MS : machine->ready_by;
	if (clock_due && clock_due < at)
		at = clock_due;
	if (machine->networks.due && machine->networks.due < at)
		at = machine->networks.due;
	if (at == UINT64_MAX)
		return NULL;
	ms = at > now ? at - now : 0;
	time->tv_sec = (time_t)(ms / 1000);
	time->tv_nsec = (long)(ms % 1000) * 1000000L;
	return time;
}

static void wait_and_handle(struct machine *machine)
{
	static struct pollfd polls[2 + TASKS_ROOM * TASK_POLLS + 1 + COMMANDS_MAX];
	struct port *port = &machine->port;
	uint64_t now = agent_now();
	struct timespec time;
	sigset_t none;
	size_t count, tasks;

	polls[0].fd = machine->look_at ? -1 : port->fd;
	polls[0].events = (short)(POLLIN | (port->full ? POLLOUT : 0));
	polls[1] = (struct pollfd){.fd = networks_fd(&machine->networks), .events = POLLIN};
	tasks = 2 + tasks_poll(&machine->tasks, polls + 2, port->fd >= 0 && port_has_room(port));
	count = tasks + commands_poll(&machine->commands, polls + tasks, port->fd >= 0 && port_has_room(port));
	sigemptyset(&none);
	if (ppoll(polls, (nfds_t)count, time_left(machine, now, &time), &none) < 0)
		return;
	now = agent_now();
	if (port->retry_at && now >= port->retry_at)
		port->retry_at = 0;
	if (machine->look_at && now >= machine->look_at)
		machine->look_at = 0;
	if (polls[0].revents & POLLOUT)
		port->full = false;
	if (polls[1].revents || (machine->networks.due && now >= machine->networks.due))
		networks_look(&machine->networks, now);
	tasks_ready(&machine->tasks, port, polls + 2);
	commands_ready(&machine->commands, polls + tasks);
	if (polls[0].revents & ~POLLOUT)
		port_ready(machine, now);
}

/* Without PR_SET_CHILD_SUBREAPER: once no task is left, what the user still runs has escaped from one. */
static void catch_escaped(struct machine *machine)
{
	if (machine->tasks.count == 0) {
		machine->busy = machine->busy && tree_kill_user(machine->tasks_uid) > 0;
	} else if (!machine->busy) {
		machine->busy = true;
		machine->tasks_uid = machine->uid;
	}
}

static void turn(struct machine *machine)
{
	uint64_t now = agent_now();
	int rc;

	if (machine->port.fd < 0 && now >= machine->open_at)
		open_port(machine, now);
	if (machine->port.fd >= 0) {
		speak(machine, now);
		rc = port_flush(&machine->port);
		if (rc < 0)
			start_over(machine, strerror(-rc));
	} else {
		tasks_speak(&machine->tasks, &machine->port); /* buries the dead */
	}
	if (machine->escapes)
		catch_escaped(machine);
	if (!machine->stop)
		wait_and_handle(machine);
	if (child_ended)
		reap(machine);
}

int machine_run(const struct machine_options *options)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	int code;

	execute_close_others(options->fd); /* what whoever started us left open is not for tasks to find */
	agent_log_open(!options->path && options->fd < 0);
	if (!machine || port_init(&machine->port, options->path, options->fd) < 0) {
		free(machine);
		agent_log("there is no memory to begin with");
		return 1;
	}
	machine->etc = options->etc;
	machine->commands.listener = -1;
	stopping = 0;
	take_signals();
	oom_protect();
	supervisor_take_files();
	machine->escapes = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0;
	if (machine->port.given)
		machine->say_hello = true;
	while (!stopping && !machine->stop)
		turn(machine);
	/* Nothing is said of the tasks that end now: to the host the machine ends, not they. */
	port_close(&machine->port);
	forget(machine);
	tasks_speak(&machine->tasks, &machine->port);
	if (machine->escapes && machine->busy)
		(void)tree_kill_user(machine->tasks_uid);
	code = machine->code;
	ring_free(&machine->port.out);
	free(machine);
	return code;
}
