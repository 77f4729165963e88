/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "monitor/namespace.h"

static int fail(char *why, int rc, const char *what)
{
	(void)str_print(why, NAMESPACE_WHY_MAX, "%s: %s", what, strerror(-rc));
	return rc;
}

int disk_open_folder(const struct machine *machine)
{
	const char *slash = strrchr(machine->disk_path, '/');
	char folder[PATH_MAX];
	int fd;

	if (!machine->disk_unnamed)
		return -1;
	(void)str_print(folder, sizeof(folder), "%.*s", (int)(slash - machine->disk_path), machine->disk_path);
	fd = open(folder[0] ? folder : "/", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The private folder has no devices: this has one, in a folder of its own. */
static int make_device(const struct machine *machine)
{
	char folder[PATH_MAX], path[PATH_MAX];

	(void)namespace_path(folder, NAMESPACE_DEVICES);
	(void)namespace_path(path, NAMESPACE_DEVICE);
	if (mkdir(folder, 0711) < 0 ||
	    mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0711,size=64k,nr_inodes=16") < 0)
		return -errno;
	if (mknod(path, S_IFBLK | 0600, machine->disk_device) < 0 || lchown(path, machine->uid, machine->gid) < 0)
		return -errno;
	return mount(NULL, folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) < 0 ? -errno
	                                                                                                     : 0;
}

int disk_bind(const struct machine *machine, char *why)
{
	int rc;

	if (!machine->disk_block)
		return namespace_file(machine->disk_path, NAMESPACE_DISK, true, machine->uid, why);
	rc = make_device(machine);
	return rc < 0 ? fail(why, rc, machine->disk_path) : 0;
}

int disk_claim(const struct machine *machine)
{
	struct stat st;
	int rc = 0;
	int fd;

	if (!machine->disk_block)
		return -1;
	fd = open(machine->disk_path, O_RDONLY | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISBLK(st.st_mode) || st.st_rdev != machine->disk_device)
		rc = -ENODEV;
	/* who looks at it just now does so for a moment, and finds the image */
	if (rc == 0)
		(void)flock(fd, LOCK_EX | LOCK_NB);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

void disk_hide(const struct machine *machine)
{
	char folder[PATH_MAX];

	if (machine->disk_block)
		(void)umount2(namespace_path(folder, NAMESPACE_DEVICES), MNT_DETACH);
}

int disk_unlink(const struct machine *machine, int folder)
{
	int rc = unlinkat(folder, strrchr(machine->disk_path, '/') + 1, 0) < 0 ? -errno : 0;

	close(folder);
	return rc;
}
