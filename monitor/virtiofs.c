/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/virtiofs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/str.h"
#include "monitor/confine.h"
#include "monitor/namespace.h"
#include "monitor/privilege.h"

#define VIRTIOFS_FILES 1000000U /* each inode that the guest knows is a descriptor */

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
static int become(const struct owner *owner, unsigned int number, int listener, int log, pid_t parent)
{
	const struct machine *machine = owner->machine;
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
	int rc = program ? server_take_files(listener, log) : -ENOENT;

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
		(void)execve(program, argv, envp);
		rc = -errno;
	}
	free(program);
	return rc;
}

int virtiofs_start(struct owner *owner, char *why)
{
	const struct mounts *mounts = &owner->machine->mounts;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && owner->machine->virtiofsd && i < mounts->count; i++) {
		struct server server = {.name = "virtiofsd", .number = i};

		(void)str_print(server.part, sizeof(server.part), NAMESPACE_VIRTIOFS "/%u", i);
		(void)str_print(server.task, sizeof(server.task), "%.256s", mounts->entries[i].source);
		rc = server_start(owner, &server, become, why);
	}
	return rc;
}
