/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/passt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"
#include "monitor/emulator.h"
#include "monitor/namespace.h"
#include "monitor/privilege.h"

#define PASST_FOLDER "passt" /* of the program's copy, in cache_dir */
#define RESOLVER "/etc/resolv.conf"
#define RESOLVER_MAX 65536U /* bytes */

struct passt {
	char program[PATH_MAX]; /* without symlinks */
	char *resolver;         /* where RESOLVER is, if the namespace hides that; else NULL */
	char *resolver_text;    /* and what it says */
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
	rc = write_all(fd, passt->resolver_text, strlen(passt->resolver_text));
	close(fd);
	return rc;
}

/* The guest gets the addresses that slirp gives; nothing comes in from outside. */
static int become(const struct owner *owner, unsigned int number, int listener, int log, pid_t parent)
{
	const struct machine_network *network = &owner->machine->networks[number];
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
	int connection, rc;

	(void)str_print(mtu, sizeof(mtu), "%u", network->mtu);
	rc = privilege_become_user(owner->machine, parent);
	if (rc < 0)
		return rc;
	/* QEMU's */
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	rc = connection < 0 ? -errno : server_take_files(connection, log);
	if (rc < 0)
		return rc;
	(void)execve(owner->passt->program, argv, envp);
	return -errno;
}

static int start_one(struct owner *owner, unsigned int number, char *why)
{
	struct server server = {.name = "passt", .number = number};

	(void)str_print(server.part, sizeof(server.part), NAMESPACE_PASST "/%u", number);
	(void)str_print(server.task, sizeof(server.task), "network %s", owner->machine->networks[number].name);
	return server_start(owner, &server, become, why);
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
