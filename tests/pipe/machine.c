/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine without QEMU, for tests of run, relay and agent: makes a run
 * folder with its state file and socket, starts the relay as the given user
 * as the monitor would, and a guest whose channel is fd 3 and whose console
 * is fd 4. Usage, as root:
 *
 *   machine RUN_DIR RELAY UID GID CONSOLE_FILE|- BOOT_TIMEOUT GUEST [ARGUMENT…]
 *
 * Prints `relay PID` and `guest PID`, then a line for each packet of the
 * relay. Ends when the guest does ("QEMU died"), by SIGTERM ("powered off"),
 * or where the relay says that the guest is no use; with a line `end …`, and
 * the relay's status as its own. Its parent's death kills all.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kv.h"

struct machine {
	const char *run_dir;
	uid_t uid;
	gid_t gid;
	int dir_fd, control, listener, channel, console;
	int relay_fd, guest_channel, guest_console;
	pid_t relay, guest;
	struct kv state;
};

static void die(const char *what)
{
	fprintf(stderr, "machine: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_state(struct machine *m, const char *name)
{
	if (kv_set(&m->state, "state", name) < 0 || kv_save(&m->state, m->dir_fd, "state", 0644, 0) < 0)
		die("state");
}

static void make_sockets(struct machine *m)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	m->control = pair[0];
	m->relay_fd = pair[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	m->channel = pair[0];
	m->guest_channel = pair[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	m->console = pair[0];
	m->guest_console = pair[1];
	m->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/tasks.sock", m->dir_fd);
	if (m->listener < 0 || bind(m->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(m->listener, 128) < 0 || fchownat(m->dir_fd, "tasks.sock", m->uid, m->gid, 0) < 0)
		die("tasks.sock");
}

/* In the child: a and b become fds 3 and 4, and nothing else is inherited. */
static void place_fds(int a, int b)
{
	int high_a = fcntl(a, F_DUPFD, 10);
	int high_b = fcntl(b, F_DUPFD, 10);

	if (high_a < 0 || high_b < 0 || dup2(high_a, 3) < 0 || dup2(high_b, 4) < 0)
		_exit(1);
	(void)close_range(5, ~0U, 0);
}

static pid_t start_relay(struct machine *m, char **argv)
{
	char uid[16], gid[16], groups[32];
	char *command[] = {argv[2], "--machine-name", "wnodes-1", "--job",  "1", "--uid",   uid,       "--gid",
	                   gid,     "--user",         "nobody",   "--home", "/", "--shell", "/bin/sh", "--groups",
	                   groups,  "--console",      argv[5],    NULL};
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(uid, sizeof(uid), "%u", m->uid);
	snprintf(gid, sizeof(gid), "%u", m->gid);
	snprintf(groups, sizeof(groups), "%u:nogroup", m->gid);
	if (strcmp(argv[5], "-") == 0)
		command[sizeof(command) / sizeof(command[0]) - 3] = NULL;
	place_fds(m->relay_fd, m->listener);
	if (setgroups(0, NULL) < 0 || setresgid(m->gid, m->gid, m->gid) < 0 || setresuid(m->uid, m->uid, m->uid) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(1);
	execv(argv[2], command);
	_exit(127);
}

static pid_t start_guest(struct machine *m, char **argv)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	place_fds(m->guest_channel, m->guest_console);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[7], argv + 7);
	_exit(127);
}

static void hand_over(struct machine *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	int fds[2] = {m->channel, m->console};
	struct iovec iov = {"channel", 7};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	if (sendmsg(m->control, &message, 0) < 0)
		die("sendmsg");
	close(m->channel);
	close(m->console);
}

/* As the monitor: the relay is told, the state says it, the relay is waited for. */
static int end(struct machine *m, int code, const char *text)
{
	char packet[1200];
	int status = 0;

	snprintf(packet, sizeof(packet), "end %d %s", code, text);
	(void)kv_setf(&m->state, "code", "%d", code);
	(void)kv_set(&m->state, "message", text);
	(void)send(m->control, packet, strlen(packet), MSG_NOSIGNAL);
	set_state(m, "failed");
	printf("%s\n", packet);
	(void)kill(m->guest, SIGKILL);
	(void)waitpid(m->relay, &status, 0);
	printf("relay ended %d\n", status);
	return status == 0 ? 0 : 1;
}

/* A packet of the relay. -1: go on; else the exit status. */
static int take_packet(struct machine *m)
{
	char packet[2049];
	char text[2200];
	ssize_t n = recv(m->control, packet, sizeof(packet) - 1, 0);

	if (n <= 0) {
		printf("relay gone\n");
		(void)kill(m->relay, SIGKILL);
		(void)kv_set(&m->state, "code", "70");
		(void)kv_set(&m->state, "message", "the VM's relay died");
		set_state(m, "failed");
		return 1;
	}
	packet[n] = 0;
	printf("%s\n", packet);
	fflush(stdout);
	if (strcmp(packet, "ready") == 0)
		set_state(m, "ready");
	if (strcmp(packet, "panic") == 0)
		return end(m, 70, "the guest's kernel panicked");
	if (strcmp(packet, "silent") == 0)
		return end(m, 70, "the guest does not answer");
	if (strcmp(packet, "restarted") == 0)
		return end(m, 70, "the guest's agent restarted");
	if (strncmp(packet, "console ", 8) == 0)
		return end(m, 64, packet + 8);
	if (strncmp(packet, "broken ", 7) == 0) {
		snprintf(text, sizeof(text), "the guest broke the protocol: %s", packet + 7);
		return end(m, 70, text);
	}
	return -1;
}

static int loop(struct machine *m, int signals)
{
	struct pollfd fds[2] = {{m->control, POLLIN, 0}, {signals, POLLIN, 0}};
	struct signalfd_siginfo info;
	int rc = -1;

	while (rc < 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			rc = take_packet(m);
		else if (read(signals, &info, sizeof(info)) != sizeof(info))
			rc = 1;
		else if (info.ssi_signo == SIGTERM)
			rc = end(m, 70, "the guest powered itself off");
		else if (info.ssi_signo == SIGUSR1)
			rc = -1;
		else if (waitpid(m->guest, NULL, WNOHANG) == m->guest)
			rc = end(m, 70, "QEMU died");
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct machine m = {0};
	sigset_t set;
	int signals;

	if (argc < 8)
		return 64;
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	m.run_dir = argv[1];
	m.uid = (uid_t)atoi(argv[3]);
	m.gid = (gid_t)atoi(argv[4]);
	if (mkdir(m.run_dir, 0755) < 0 && errno != EEXIST)
		die(m.run_dir);
	m.dir_fd = open(m.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m.dir_fd < 0 || kv_set(&m.state, "image", "fake") < 0 || kv_set(&m.state, "boot_timeout", argv[6]) < 0)
		die(m.run_dir);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	make_sockets(&m);
	m.relay = start_relay(&m, argv);
	m.guest = start_guest(&m, argv);
	if (m.relay < 0 || m.guest < 0)
		die("fork");
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	close(m.relay_fd);
	close(m.guest_channel);
	close(m.guest_console);
	printf("relay %d\nguest %d\n", m.relay, m.guest);
	set_state(&m, "booting");
	hand_over(&m);
	return loop(&m, signals);
}
