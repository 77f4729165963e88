/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/passt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "monitor/compat.h"
#include "monitor/emulator.h"
#include "monitor/namespace.h"
#include "monitor/packet.h"
#include "monitor/privilege.h"
#include "monitor/watch.h"

/* From the end of one to the machine's: QEMU's own end, which comes before, is told first. */
#define PASST_END_MS 2000
#define PASST_LINE 512U
#define PASST_FOLDER "passt" /* of the program's copy, in cache_dir */
#define RESOLVER "/etc/resolv.conf"
#define RESOLVER_MAX 65536U /* bytes */

struct passt {
	char program[PATH_MAX]; /* without symlinks */
	char *resolver;         /* where RESOLVER is, if the namespace hides that; else NULL */
	char *resolver_text;    /* and what it says */
	int said[NETWORKS_MAX]; /* what each says; ends with its process; -1: none, or ended */
	unsigned int ended;     /* the one that did */
};

static int fail(char *why, int rc, const char *step)
{
	(void)str_print(why, NAMESPACE_WHY_MAX, "passt: %s: %s", step, strerror(-rc));
	return rc;
}

/*
 * passt would execute its build for AVX2, PROGRAM.avx2, of which there would be
 * no copy that the user cannot read: so it is executed at once.
 */
static int find_program(const struct machine *machine, char *program)
{
	char better[PATH_MAX];

	if (!realpath(machine->passt, program))
		return -errno;
	if (__builtin_cpu_supports("avx2") && str_print(better, sizeof(better), "%s.avx2", program) == 0 &&
	    access(better, X_OK) == 0)
		(void)str_print(program, PATH_MAX, "%s", better);
	return 0;
}

/* A resolver's configuration in /run, as systemd-resolved has it, is not seen from the namespace. */
static int read_resolver(struct passt *passt)
{
	ssize_t length;
	int fd;

	passt->resolver = realpath(RESOLVER, NULL);
	if (!passt->resolver || strncmp(passt->resolver, "/run/", 5) != 0) {
		free(passt->resolver);
		passt->resolver = NULL;
		return 0;
	}
	passt->resolver_text = malloc(RESOLVER_MAX);
	fd = open(passt->resolver, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!passt->resolver_text || fd < 0)
		return -errno;
	length = read(fd, passt->resolver_text, RESOLVER_MAX - 1);
	passt->resolver_text[length > 0 ? length : 0] = 0;
	close(fd);
	return 0;
}

int passt_open(struct owner *owner, char *why)
{
	struct passt *passt;
	int rc;

	if (!owner->machine->passt)
		return 0;
	passt = calloc(1, sizeof(*passt));
	if (!passt)
		return fail(why, -ENOMEM, "memory");
	owner->passt = passt;
	for (unsigned int i = 0; i < NETWORKS_MAX; i++)
		passt->said[i] = -1;
	rc = find_program(owner->machine, passt->program);
	if (rc == 0)
		rc = emulator_prepare(owner->machine, passt->program, PASST_FOLDER);
	if (rc < 0)
		return fail(why, rc, owner->machine->passt);
	rc = read_resolver(passt);
	return rc < 0 ? fail(why, rc, RESOLVER) : 0;
}

static int write_resolver(const struct passt *passt)
{
	char folder[PATH_MAX];
	size_t length;
	int fd, rc;

	if (!passt->resolver)
		return 0;
	for (const char *slash = strchr(passt->resolver + 5, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)str_print(folder, sizeof(folder), "%.*s", (int)(slash - passt->resolver), passt->resolver);
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	fd = open(passt->resolver, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	length = strlen(passt->resolver_text);
	rc = write(fd, passt->resolver_text, length) == (ssize_t)length ? 0 : -EIO;
	close(fd);
	return rc;
}

/* The listening socket, to which only the job's user, as QEMU, may connect; or a negative errno. */
static int make_listener(const struct machine *machine, unsigned int number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char part[32], path[PATH_MAX];
	int fd, rc;

	(void)str_print(part, sizeof(part), NAMESPACE_PASST "/%u", number);
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

/* Streams 0 to 2, and 3: QEMU's connection, which this waits for; nothing else. */
static int take_files(int listener, int log)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	connection = fcntl(connection, F_DUPFD_CLOEXEC, 10);
	log = fcntl(log, F_DUPFD_CLOEXEC, 10);
	if (null < 0 || connection < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    dup2(connection, 3) < 0)
		return -errno;
	compat_close_from(4);
	return 0;
}

/* The guest gets the addresses that slirp gives; nothing comes in from outside. */
static _Noreturn void serve(const struct owner *owner, const struct machine_network *network, int listener, int log,
                            pid_t parent)
{
	char mtu[16];
	char *const envp[] = {NULL};
	char *argv[] = {"passt.avx2", "--foreground",
	                "--quiet",    "--fd",
	                "3",          "--tcp-ports",
	                "none",       "--udp-ports",
	                "none",       "--address",
	                "10.0.2.15",  "--netmask",
	                "24",         "--gateway",
	                "10.0.2.2",   network->mtu ? "--mtu" : NULL,
	                mtu,          NULL};
	int rc = dup2(log, 2) < 0 ? -errno : privilege_become_user(owner->machine, parent);

	(void)str_print(mtu, sizeof(mtu), "%u", network->mtu);
	if (rc == 0)
		rc = take_files(listener, log);
	if (rc == 0) {
		(void)execve(owner->passt->program, argv, envp);
		rc = -errno;
	}
	(void)dprintf(2, "%s cannot be started: %s\n", owner->passt->program, strerror(-rc));
	_exit(1);
}

static int start_one(struct owner *owner, unsigned int number, char *why)
{
	pid_t child, parent = getpid();
	int ends[2], listener;

	listener = make_listener(owner->machine, number);
	if (listener < 0)
		return fail(why, listener, "socket");
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(listener);
		return fail(why, -errno, "pipe");
	}
	child = fork();
	if (child == 0)
		serve(owner, &owner->machine->networks[number], listener, ends[1], parent);
	close(listener);
	close(ends[1]);
	owner->passt->said[number] = ends[0];
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return child < 0 ? fail(why, -EAGAIN, "fork") : 0;
}

int passt_start(struct owner *owner, char *why)
{
	int rc;

	if (!owner->passt)
		return 0;
	rc = emulator_cover(owner->machine, owner->passt->program, PASST_FOLDER);
	if (rc < 0)
		return fail(why, rc, "the program's copy");
	rc = write_resolver(owner->passt);
	if (rc < 0)
		return fail(why, rc, RESOLVER);
	for (unsigned int i = 0; rc == 0 && i < owner->machine->network_count; i++)
		if (owner->machine->networks[i].passt)
			rc = start_one(owner, i, why);
	return rc;
}

/* Returns whether there may be more to come. */
static bool log_one(struct owner *owner, int fd)
{
	char text[PASST_LINE + 1], *rest = NULL;
	ssize_t length = read(fd, text, PASST_LINE);

	if (length <= 0)
		return length < 0 && (errno == EAGAIN || errno == EINTR);
	text[length] = 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		(void)packet_send(owner->reaper, "log passt: %s", line);
	return true;
}

void passt_log(struct owner *owner)
{
	for (unsigned int i = 0; owner->passt && i < NETWORKS_MAX; i++)
		if (owner->passt->said[i] >= 0)
			(void)log_one(owner, owner->passt->said[i]);
}

static void on_end_timer(int timer, void *opaque)
{
	struct owner *owner = opaque;

	(void)virEventRemoveTimeout(timer);
	if (owner->ended)
		return;
	owner_end(owner, EXIT_MACHINE, "the passt of network %s %s", owner->machine->networks[owner->passt->ended].name,
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
	while (number + 1 < NETWORKS_MAX && owner->passt->said[number] != fd)
		number++;
	owner->passt->said[number] = -1;
	close(fd);
	owner->passt->ended = number;
	(void)virEventAddTimeout(PASST_END_MS, on_end_timer, owner, NULL);
}

int passt_watch(struct owner *owner)
{
	const int events = VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_ERROR | VIR_EVENT_HANDLE_HANGUP;

	for (unsigned int i = 0; owner->passt && i < NETWORKS_MAX; i++)
		if (owner->passt->said[i] >= 0 &&
		    virEventAddHandle(owner->passt->said[i], events, on_output, owner, NULL) < 0)
			return -EIO;
	return 0;
}
