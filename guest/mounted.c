/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "guest/execute.h"
#include "guest/log.h"

#define MSIZE 131072 /* bytes of a 9p message; the guest needs them in one piece, of which it must never run out */
#define UMOUNT_DETACH 2
#define MODPROBE_SECONDS 20U

/* Have modprobe load them, where there is one. What comes of it, mount(2) tells. */
static void load_modules(bool virtiofs)
{
	static const char *const argv_9p[] = {"modprobe", "-q", "-a", "9pnet_virtio", "9p", NULL};
	static const char *const argv_virtiofs[] = {"modprobe", "-q", "-a", "virtiofs", NULL};

	(void)execute_run(virtiofs ? argv_virtiofs : argv_9p, MODPROBE_SECONDS);
}

/* Whether path lies in a directory of the host: what is made there is not the guest's. */
static bool is_hosts(const struct mounted *mounted, const char *path)
{
	for (size_t i = 0; i < mounted->count; i++) {
		size_t length = strlen(mounted->targets[i]);

		if (strncmp(path, mounted->targets[i], length) == 0 && path[length] == '/')
			return true;
	}
	return false;
}

/* mkdir -p; returns 0 or -errno. */
static int make_folders(const char *path)
{
	char part[PATH_MAX];
	struct stat st;

	for (const char *slash = path; slash;) {
		slash = strchr(slash + 1, '/');
		if (str_print(part, sizeof(part), "%.*s", slash ? (int)(slash - path) : (int)strlen(path), path) < 0)
			return -ENAMETOOLONG;
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/*
 * cache=mmap: the pages of files are kept only while they are mapped, so that
 * host and guest, and the guests of a job, see each other's writes.
 */
static int mount_9p(const struct job_mount *wanted)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | (wanted->read_only ? MS_RDONLY : 0UL);
	char tag[32], options[128];
	int rc;

	(void)str_print(tag, sizeof(tag), WIRE_MOUNT_TAG, wanted->number);
	(void)str_print(options, sizeof(options), "trans=virtio,version=9p2000.L,msize=%d,access=user,cache=mmap",
	                MSIZE);
	rc = mount(tag, wanted->target, "9p", flags, options) < 0 ? -errno : 0;
	if (rc == -EINVAL) {
		/* kernels before 3.10 know no cache=mmap */
		(void)str_print(options, sizeof(options), "trans=virtio,version=9p2000.L,msize=%d,access=user", MSIZE);
		rc = mount(tag, wanted->target, "9p", flags, options) < 0 ? -errno : 0;
	}
	return rc;
}

/* The host keeps its own caches of it: --cache=auto looks at attributes again after a second. */
static int mount_virtiofs(const struct job_mount *wanted)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | (wanted->read_only ? MS_RDONLY : 0UL);
	char tag[32];

	(void)str_print(tag, sizeof(tag), WIRE_MOUNT_TAG, wanted->number);
	return mount(tag, wanted->target, "virtiofs", flags, NULL) < 0 ? -errno : 0;
}

static int mount_one(const struct job_mount *wanted)
{
	return wanted->virtiofs ? mount_virtiofs(wanted) : mount_9p(wanted);
}

static bool make_one(struct mounted *mounted, const struct job_mount *wanted)
{
	const char *target = wanted->target;
	struct stat st;
	int rc = 0;

	if (stat(target, &st) < 0 && is_hosts(mounted, target))
		return unfit_set(&mounted->unfit, EXIT_USAGE,
		                 "%.480s is not there, and lies in a directory of the host: make it there first",
		                 target);
	rc = make_folders(target);
	if (rc < 0)
		return unfit_set(&mounted->unfit, rc == -ENOTDIR || rc == -EEXIST ? EXIT_USAGE : EXIT_NODE,
		                 "%.480s cannot be made in the guest: %s", target, strerror(-rc));
	rc = mount_one(wanted);
	if (rc == -ENODEV || rc == -EINVAL) {
		load_modules(wanted->virtiofs);
		rc = mount_one(wanted);
	}
	if (rc == -ENODEV && wanted->optional) {
		agent_log("%s is left out: the kernel has no %s", target, wanted->virtiofs ? "virtiofs" : "9p");
		/* made for nothing, or not empty */
		(void)rmdir(target);
		return false;
	}
	if (rc == -ENODEV)
		return unfit_set(&mounted->unfit, EXIT_NODE, "%.480s cannot be mounted: the guest's kernel has no %s",
		                 target,
		                 wanted->virtiofs ? "virtiofs (module virtiofs)" : "9p (modules 9p and 9pnet_virtio)");
	if (rc < 0)
		return unfit_set(&mounted->unfit, EXIT_NODE, "%.480s cannot be mounted in the guest: %s", target,
		                 strerror(-rc));
	mounted->targets[mounted->count] = strdup(target);
	mounted->count += mounted->targets[mounted->count] != NULL;
	return false;
}

bool mounted_make(struct mounted *mounted, const struct job *job)
{
	bool failed = false;

	mounted_undo(mounted);
	mounted->targets = calloc(job->mount_count + 1, sizeof(*mounted->targets));
	if (!mounted->targets)
		return unfit_set(&mounted->unfit, EXIT_NODE, "the guest has no memory to mount the host's directories");
	for (size_t i = 0; i < job->mount_count && !failed; i++)
		failed = make_one(mounted, &job->mounts[i]);
	return failed;
}

void mounted_undo(struct mounted *mounted)
{
	while (mounted->count > 0) {
		char *target = mounted->targets[--mounted->count];

		if (umount2(target, UMOUNT_DETACH) < 0)
			agent_log("%s cannot be unmounted: %s", target, strerror(errno));
		free(target);
	}
	free(mounted->targets);
	mounted->targets = NULL;
}
