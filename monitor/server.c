/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "monitor/compat.h"
#include "monitor/namespace.h"
#include "monitor/owner.h"
#include "monitor/packet.h"
#include "monitor/watch.h"

/* From the end of one to the machine's: QEMU's own end, which comes before, is told first. */
#define SERVER_END_MS 2000
#define SERVER_LINE 512U

static int fail(const struct server *server, char *why, int rc, const char *step)
{
	(void)str_print(why, NAMESPACE_WHY_MAX, "%s: %s: %s", server->name, step, strerror(-rc));
	return rc;
}

/* The listening socket, to which only the job's user, as QEMU, may connect; or a negative errno. */
static int make_listener(const struct machine *machine, const char *part)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int fd, rc;

	rc = str_print(address.sun_path, sizeof(address.sun_path), "%s", namespace_path(path, part));
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

int server_take_files(int file, int log)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	file = fcntl(file, F_DUPFD_CLOEXEC, 10);
	log = fcntl(log, F_DUPFD_CLOEXEC, 10);
	if (null < 0 || file < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    dup2(file, 3) < 0)
		return -errno;
	compat_close_from(4);
	return 0;
}

static _Noreturn void be(const struct owner *owner, const struct server *server, server_become *become, int listener,
                         int log, pid_t parent)
{
	int rc = dup2(log, 2) < 0 ? -errno : become(owner, server->number, listener, log, parent);

	(void)dprintf(2, "it cannot be started: %s\n", strerror(-rc));
	_exit(1);
}

int server_start(struct owner *owner, const struct server *server, server_become *become, char *why)
{
	struct servers *servers = &owner->servers;
	pid_t child, parent = getpid();
	int ends[2], listener, rc;

	if (servers->count == SERVERS_MAX)
		return fail(server, why, -E2BIG, "processes");
	listener = make_listener(owner->machine, server->part);
	if (listener < 0)
		return fail(server, why, listener, "socket");
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(listener);
		return fail(server, why, -errno, "pipe");
	}
	child = fork();
	if (child == 0)
		be(owner, server, become, listener, ends[1], parent);
	rc = child < 0 ? -errno : 0;
	close(listener);
	close(ends[1]);
	servers->list[servers->count] = *server;
	servers->list[servers->count++].said = ends[0];
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return rc < 0 ? fail(server, why, rc, "fork") : 0;
}

void servers_hide(const struct owner *owner)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; i < owner->servers.count; i++)
		(void)unlink(namespace_path(path, owner->servers.list[i].part));
}

/* Returns whether there may be more to come. */
static bool log_one(const struct owner *owner, const struct server *server)
{
	char text[SERVER_LINE + 1], *rest = NULL;
	ssize_t length = read(server->said, text, SERVER_LINE);

	if (length <= 0)
		return length < 0 && (errno == EAGAIN || errno == EINTR);
	text[length] = 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		(void)packet_send(owner->reaper, "log %s: %s", server->name, line);
	return true;
}

void servers_log(struct owner *owner)
{
	for (unsigned int i = 0; i < owner->servers.count; i++)
		if (owner->servers.list[i].said >= 0)
			(void)log_one(owner, &owner->servers.list[i]);
}

static void on_end_timer(int timer, void *opaque)
{
	struct owner *owner = opaque;
	const struct server *server = &owner->servers.list[owner->servers.ended];

	(void)virEventRemoveTimeout(timer);
	if (owner->ended)
		return;
	owner_end(owner, EXIT_MACHINE, "the %s of %s %s", server->name, server->task,
	          counters_rose(owner->counters) ? "was killed: the job's memory limit was reached" : "died");
	watch_finish(owner);
}

static void on_output(int watch, int fd, int events, void *opaque)
{
	struct owner *owner = opaque;
	struct servers *servers = &owner->servers;
	unsigned int i = 0;

	(void)events;
	while (i + 1 < servers->count && servers->list[i].said != fd)
		i++;
	if (log_one(owner, &servers->list[i]))
		return;
	(void)virEventRemoveHandle(watch);
	servers->list[i].said = -1;
	close(fd);
	servers->ended = i;
	(void)virEventAddTimeout(SERVER_END_MS, on_end_timer, owner, NULL);
}

int servers_watch(struct owner *owner)
{
	const int events = VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_ERROR | VIR_EVENT_HANDLE_HANGUP;

	for (unsigned int i = 0; i < owner->servers.count; i++)
		if (virEventAddHandle(owner->servers.list[i].said, events, on_output, owner, NULL) < 0)
			return -EIO;
	return 0;
}
