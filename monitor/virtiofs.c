/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/virtiofs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "monitor/compat.h"
#include "monitor/confine.h"
#include "monitor/namespace.h"
#include "monitor/packet.h"
#include "monitor/privilege.h"
#include "monitor/watch.h"

/* From the end of one to the machine's: QEMU's own end, which comes before, is told first. */
#define VIRTIOFS_END_MS 2000
#define VIRTIOFS_FILES 1000000U /* each inode that the guest knows is a descriptor */
#define VIRTIOFS_LINE 512U

static int fail(char *why, int error, const char *step)
{
	(void)str_print(why, VIRTIOFS_WHY_MAX, "virtiofsd: %s: %s", step, strerror(error));
	return -error;
}

static void socket_path(char *path, unsigned int number)
{
	char part[32];

	(void)str_print(part, sizeof(part), NAMESPACE_VIRTIOFS "/%u", number);
	(void)namespace_path(path, part);
}

/* The listening socket, to which only the job's user, as QEMU, may connect; or a negative errno. */
static int make_listener(const struct machine *machine, unsigned int number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int fd, rc;

	socket_path(path, number);
	rc = str_print(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
	    chown(path, machine->uid, machine->gid) < 0 || listen(fd, 1) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Streams 0 to 2, and 3: the listener; nothing else. */
static int take_files(int listener, int log)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	listener = fcntl(listener, F_DUPFD_CLOEXEC, 10);
	log = fcntl(log, F_DUPFD_CLOEXEC, 10);
	if (null < 0 || listener < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    dup2(listener, 3) < 0)
		return -errno;
	compat_close_from(4);
	return 0;
}

static void raise_files(void)
{
	struct rlimit limit = {VIRTIOFS_FILES, VIRTIOFS_FILES};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * --sandbox=none: the user could enter no other; this one is ours. Whoever
 * asks in the guest, files are the job's user's, who alone can make them;
 * owners and modes are the host's own.
 */
static _Noreturn void serve(const struct machine *machine, unsigned int number, int listener, int log, pid_t parent)
{
	char part[32], path[PATH_MAX], empty[PATH_MAX], uids[64], gids[64];
	char shared[] = "--shared-dir=" CONFINE_SHARED;
	char *const envp[] = {NULL};
	bool read_only = machine->mounts.entries[number].flags & MOUNTS_READ_ONLY;
	char *argv[] = {"virtiofsd",
	                "--fd=3",
	                shared,
	                "--sandbox=none",
	                "--seccomp=kill",
	                "--cache=auto",
	                "--xattr",
	                "--log-level=error",
	                "--rlimit-nofile=0",
	                uids,
	                gids,
	                read_only ? "--readonly" : NULL,
	                NULL};
	char *program = realpath(machine->virtiofsd, NULL);
	int rc = program ? take_files(listener, log) : -ENOENT;

	(void)str_print(part, sizeof(part), NAMESPACE_MOUNT "/%u", number);
	(void)namespace_path(path, part);
	(void)namespace_path(empty, NAMESPACE_VIRTIOFS);
	(void)str_print(uids, sizeof(uids), "--translate-uid=squash-guest:0:%u:%u", machine->uid, UINT32_MAX);
	(void)str_print(gids, sizeof(gids), "--translate-gid=squash-guest:0:%u:%u", machine->gid, UINT32_MAX);
	raise_files();
	if (rc == 0)
		rc = confine(empty, path, program);
	if (rc == 0)
		rc = privilege_become_user(machine, parent);
	if (rc == 0) {
		execve(program, argv, envp);
		rc = -errno;
	}
	(void)dprintf(2, "%s cannot be started: %s\n", machine->virtiofsd, strerror(-rc));
	_exit(1);
}

static int start_one(struct owner *owner, unsigned int number, char *why)
{
	pid_t child, parent = getpid();
	int ends[2], listener;

	listener = make_listener(owner->machine, number);
	if (listener < 0)
		return fail(why, -listener, "socket");
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(listener);
		return fail(why, errno, "pipe");
	}
	child = fork();
	if (child == 0)
		serve(owner->machine, number, listener, ends[1], parent);
	close(listener);
	close(ends[1]);
	owner->virtiofs[number] = ends[0];
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return child < 0 ? fail(why, EAGAIN, "fork") : 0;
}

int virtiofs_start(struct owner *owner, char *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && owner->machine->virtiofsd && i < owner->machine->mounts.count; i++)
		rc = start_one(owner, i, why);
	return rc;
}

void virtiofs_hide(const struct owner *owner)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; owner->machine->virtiofsd && i < owner->machine->mounts.count; i++) {
		socket_path(path, i);
		(void)unlink(path);
	}
}

/* Returns whether there may be more to come. */
static bool log_one(struct owner *owner, int fd)
{
	char text[VIRTIOFS_LINE + 1], *rest = NULL;
	ssize_t length = read(fd, text, VIRTIOFS_LINE);

	if (length <= 0)
		return length < 0 && (errno == EAGAIN || errno == EINTR);
	text[length] = 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		(void)packet_send(owner->reaper, "log virtiofsd: %s", line);
	return true;
}

void virtiofs_log(struct owner *owner)
{
	for (unsigned int i = 0; owner->machine->virtiofsd && i < owner->machine->mounts.count; i++)
		if (owner->virtiofs[i] >= 0)
			(void)log_one(owner, owner->virtiofs[i]);
}

static void on_end_timer(int timer, void *opaque)
{
	struct owner *owner = opaque;
	const char *source = owner->machine->mounts.entries[owner->virtiofs_ended].source;

	(void)virEventRemoveTimeout(timer);
	if (owner->ended)
		return;
	owner_end(owner, EXIT_MACHINE, "the virtiofsd of %.256s %s", source,
	          counters_rose(owner->counters) ? "was killed: the job's memory limit was reached" : "died");
	watch_finish(owner);
}

static void on_output(int watch, int fd, int events, void *opaque)
{
	struct owner *owner = opaque;
	unsigned int number = 0;

	(void)events;
	if (log_one(owner, fd))
		return;
	(void)virEventRemoveHandle(watch);
	while (number + 1 < owner->machine->mounts.count && owner->virtiofs[number] != fd)
		number++;
	owner->virtiofs[number] = -1;
	close(fd);
	owner->virtiofs_ended = number;
	(void)virEventAddTimeout(VIRTIOFS_END_MS, on_end_timer, owner, NULL);
}

int virtiofs_watch(struct owner *owner)
{
	const int events = VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_ERROR | VIR_EVENT_HANDLE_HANGUP;

	for (unsigned int i = 0; owner->machine->virtiofsd && i < owner->machine->mounts.count; i++)
		if (virEventAddHandle(owner->virtiofs[i], events, on_output, owner, NULL) < 0)
			return -EIO;
	return 0;
}
