/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"

#define HARMLESS (MS_NOSUID | MS_NODEV)

/* mkdir -p of path's folders below the current one; path itself too where it is a folder. */
static int make_folders(const char *path, bool last)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)str_print(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return last && mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Bind what is at the absolute path to the same path, or to, below the current folder. */
static int bind(const char *path, const char *to)
{
	struct stat st;
	int rc, fd;

	if (stat(path, &st) < 0)
		return -errno;
	rc = make_folders(to, S_ISDIR(st.st_mode));
	if (rc == 0 && !S_ISDIR(st.st_mode)) {
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		rc = fd < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	return rc == 0 && mount(path, to, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : rc;
}

/* A folder of the host's root, or the symlink that it is. */
static int bring(const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	int rc;

	if (length > 0) {
		target[length] = 0;
		return symlink(target, path + 1) < 0 ? -errno : 0;
	}
	rc = bind(path, path + 1);
	return rc == -ENOENT ? 0 : rc;
}

static int bring_folder_of(const char *program)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(program, '/');

	if (slash == program || strncmp(program, "/usr/", 5) == 0)
		return 0;
	(void)str_print(folder, sizeof(folder), "%.*s", (int)(slash - program), program);
	return bind(folder, folder + 1);
}

int confine(const char *empty, const char *folder, const char *program)
{
	static const char *const needed[] = {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache"};
	static const char *const proc[] = {"/proc/self/fd", "/proc/self/mountinfo", "/proc/self/status",
	                                   "/proc/sys/fs/nr_open", "/proc/sys/kernel/cap_last_cap"};
	int rc = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", empty, "tmpfs", HARMLESS, "mode=0755,size=64k,nr_inodes=128") < 0 || chdir(empty) < 0)
		return -errno;
	for (size_t i = 0; rc == 0 && i < sizeof(needed) / sizeof(needed[0]); i++)
		rc = bring(needed[i]);
	if (rc == 0)
		rc = bring_folder_of(program);
	if (rc == 0)
		rc = bind(folder, &CONFINE_SHARED[1]);
	/* the process keeps its id when it executes the program */
	for (size_t i = 0; rc == 0 && i < sizeof(proc) / sizeof(proc[0]); i++)
		rc = bind(proc[i], proc[i] + 1);
	if (rc == 0 && mount(NULL, empty, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | HARMLESS, NULL) < 0)
		rc = -errno;
	if (rc == 0 && (chroot(".") < 0 || chdir("/") < 0))
		rc = -errno;
	return rc;
}
