/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/reaper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "monitor/cgroup.h"
#include "monitor/counters.h"
#include "monitor/disk.h"
#include "monitor/owner.h"
#include "monitor/packet.h"
#include "monitor/state.h"

#define REAPER_END_MS ((int)OWNER_RELAY_SECONDS * 1000 + 2000) /* from the owner's "end" to its exit */
#define REAPER_KILL_SECONDS 10U
#define REAPER_LOG_LINES 32U
#define REAPER_PAUSES 100000U

struct reaper {
	const struct machine *machine;
	struct counters counters;
	int owner_socket, signals;
	int disk;            /* the claim on the machine's block device; -1: none */
	pid_t owner;         /* 0: it has exited */
	bool ended;          /* why the machine has ended is written down */
	bool running;        /* the guest has been started */
	int64_t deadline;    /* ms of CLOCK_MONOTONIC by which the owner must do its next step; 0: none */
	unsigned int logged; /* lines, bounded: the owner has the user's rights */
	unsigned int pauses; /* changes to and from, bounded likewise */
	unsigned int times;  /* bits of the times already written */
};

static int64_t now_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* From one packet of the owner's to the next, until the guest runs. */
static int64_t next_step(const struct reaper *reaper)
{
	return now_ms() + (int64_t)machine_step_seconds(reaper->machine) * 1000;
}

static void reaper_saved(const struct reaper *reaper, int rc)
{
	if (rc < 0)
		log_error("job %s: the state cannot be written: %s", reaper->machine->job, strerror(-rc));
}

/* state=STATE and t.TIME=now; NULL leaves the one as it is. */
static void reaper_mark(struct reaper *reaper, const char *state, const char *time)
{
	struct kv changes = {0};
	int rc = state ? kv_set(&changes, "state", state) : 0;

	if (rc == 0 && time)
		rc = state_time(&changes, time);
	if (rc == 0)
		rc = state_save(reaper->machine->run_dir, &changes);
	reaper_saved(reaper, rc);
	kv_free(&changes);
}

/* paused=on where the machine stands still with its job */
static void reaper_paused(const struct reaper *reaper, const char *paused)
{
	struct kv changes = {0};
	int rc = kv_set(&changes, "paused", paused);

	if (rc == 0)
		rc = state_save(reaper->machine->run_dir, &changes);
	reaper_saved(reaper, rc);
	kv_free(&changes);
}

/* The machine has failed; the first reason stands. */
static void reaper_failed(struct reaper *reaper, int code, const char *message)
{
	if (reaper->ended)
		return;
	reaper->ended = true;
	log_error("job %s on %s: %s", reaper->machine->job, reaper->machine->node, message);
	reaper_saved(reaper, state_failed(reaper->machine->run_dir, code, message));
}

/* Each time is written once: a second one can only be a lie of the owner's. */
static bool reaper_first(struct reaper *reaper, char letter)
{
	unsigned int bit = 1U << ((unsigned int)letter & 31U);
	bool first = !(reaper->times & bit);

	reaper->times |= bit;
	return first;
}

static void reaper_packet(struct reaper *reaper, const struct packet *packet)
{
	if (!reaper->running)
		reaper->deadline = next_step(reaper);
	switch (packet->kind) {
	case PACKET_TIME:
		/* libvirt, created, hello differ in their first letter, as do booting and ready */
		if (!reaper->ended && reaper_first(reaper, packet->text[0]))
			reaper_mark(reaper, NULL, packet->text);
		break;
	case PACKET_STATE:
		if (!reaper->running)
			reaper->deadline = 0;
		reaper->running = true;
		if (!reaper->ended && reaper_first(reaper, packet->text[0]))
			reaper_mark(reaper, packet->text, packet->text);
		break;
	case PACKET_END:
		reaper->deadline = now_ms() + REAPER_END_MS;
		reaper->running = true;
		reaper_failed(reaper, packet->code, packet->text);
		break;
	case PACKET_PAUSE:
		if (!reaper->ended && reaper->pauses++ < REAPER_PAUSES)
			reaper_paused(reaper, packet->text);
		break;
	case PACKET_LOG:
		if (reaper->logged++ < REAPER_LOG_LINES)
			log_error("job %s on %s: %s", reaper->machine->job, reaper->machine->node, packet->text);
		break;
	default:
		break;
	}
}

/* All packets that wait. Returns 0, or -EPROTO where the owner sent what no owner sends. */
static int reaper_receive(struct reaper *reaper)
{
	struct packet packet;
	int rc;

	/* bounded, so that an owner that never stops cannot keep signals and deadlines waiting */
	for (unsigned int i = 0; i < 64; i++) {
		rc = packet_receive(reaper->owner_socket, &packet, FROM_OWNER);
		if (rc != 1)
			return rc == -EPROTO ? rc : 0;
		reaper_packet(reaper, &packet);
	}
	return 0;
}

/* What has exited; libvirt's QEMU comes here too, as this is the subreaper. */
static void reaper_wait(struct reaper *reaper)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == reaper->owner)
			reaper->owner = 0;
}

/* Returns whether to go on. */
static bool reaper_signal(struct reaper *reaper)
{
	struct signalfd_siginfo info;

	while (read(reaper->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD) {
			if (!reaper->ended)
				reaper_mark(reaper, "ended", NULL);
			return false;
		}
	}
	reaper_wait(reaper);
	if (reaper->owner != 0)
		return true;
	(void)reaper_receive(reaper);
	reaper_failed(reaper, EXIT_MACHINE,
	              counters_rose(&reaper->counters)
	                      ? "the VM's monitor was killed: the job's memory limit was reached"
	                      : "the VM's monitor died");
	return false;
}

static int reaper_timeout(const struct reaper *reaper)
{
	int64_t left = reaper->deadline - now_ms();

	if (!reaper->deadline)
		return -1;
	return left < 0 ? 0 : (int)left;
}

static void reaper_late(struct reaper *reaper)
{
	char message[96];

	(void)snprintf(message, sizeof(message), "libvirt did not make the machine within %u s",
	               machine_step_seconds(reaper->machine));
	reaper_failed(reaper, EXIT_NODE, message);
}

static void reaper_loop(struct reaper *reaper)
{
	struct pollfd fds[2] = {{reaper->signals, POLLIN, 0}, {reaper->owner_socket, POLLIN, 0}};

	for (;;) {
		int rc = poll(fds, 2, reaper_timeout(reaper));

		if (rc < 0 && errno != EINTR)
			return;
		if (rc > 0 && fds[1].revents && reaper_receive(reaper) < 0) {
			reaper_failed(reaper, EXIT_MACHINE, "the VM's monitor broke its protocol");
			return;
		}
		/* closed and drained: its exit comes as SIGCHLD, or it closed the socket on purpose */
		if (rc > 0 && (fds[1].revents & POLLHUP) && fds[1].fd >= 0) {
			fds[1].fd = -1;
			reaper->deadline = now_ms() + REAPER_END_MS;
		}
		if (rc > 0 && fds[0].revents && !reaper_signal(reaper))
			return;
		if (reaper->deadline && now_ms() >= reaper->deadline) {
			reaper_late(reaper);
			return;
		}
	}
}

/* A descriptor from which the signals are read, which are blocked from now on; or a negative errno. */
static int reaper_signals(void)
{
	sigset_t signals;
	int fd;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGCHLD);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Fork the owner. Nothing of the reaper's but the socket and 0 to 2 stays open in it, the lock above all. */
static int reaper_fork(struct reaper *reaper, int lock)
{
	pid_t self = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	reaper->owner = fork();
	if (reaper->owner == 0) {
		close(pair[0]);
		close(reaper->signals);
		close(lock);
		if (reaper->disk >= 0)
			close(reaper->disk);
		owner_run(reaper->machine, &reaper->counters, pair[1], self);
	}
	close(pair[1]);
	if (reaper->owner < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	reaper->owner_socket = pair[0];
	reaper->deadline = next_step(reaper);
	return 0;
}

static int reaper_kill(const struct reaper *reaper)
{
	int left = cgroup_kill(reaper->machine->cgroup, REAPER_KILL_SECONDS);

	if (left < 0)
		log_error("job %s: cgroup %s: %s", reaper->machine->job, reaper->machine->cgroup, strerror(-left));
	if (left > 0)
		log_error("job %s: %d processes in %s outlive SIGKILL", reaper->machine->job, left,
		          reaper->machine->cgroup);
	return left > 0 ? -EBUSY : left;
}

int reaper_run(const struct machine *machine, int lock)
{
	struct reaper reaper = {.machine = machine, .owner_socket = -1, .disk = disk_claim(machine)};
	int rc = 0;

	reaper_mark(&reaper, NULL, "monitor");
	counters_open(&reaper.counters, machine);
	if (machine->disk_block && reaper.disk < 0) {
		reaper_failed(&reaper, EXIT_NODE,
		              "the machine's block device is gone, or something on the node holds it");
		return reaper.disk;
	}
	reaper.signals = reaper_signals();
	if (reaper.signals < 0)
		rc = reaper.signals;
	/* NoNewPrivs reaches all that is started here, QEMU and the relay included */
	if (rc == 0 && (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0))
		rc = -errno;
	if (rc == 0)
		rc = reaper_fork(&reaper, lock);
	if (rc < 0) {
		reaper_failed(&reaper, EXIT_NODE, "the VM's monitor cannot be started");
		return rc;
	}
	reaper_loop(&reaper);
	return reaper_kill(&reaper);
}
