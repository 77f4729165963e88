/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/device.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"

#define LOCK_MS 2000U /* udev looks at a device for a moment */
#define NODE WNODES_RUNDIR "/" DEVICE_NODE_NAME

static int device_fail(char *why, int rc, const char *text)
{
	(void)str_print(why, DEVICE_WHY_MAX, "%s", text);
	return rc;
}

/* The group to which udev gives disks. */
static bool is_group_of_disks(gid_t gid)
{
	static char buffer[65536];
	FILE *stream = fopen("/etc/group", "re");
	struct group entry, *found = NULL;
	bool is = gid == 0;

	while (stream && !is && fgetgrent_r(stream, &entry, buffer, sizeof(buffer), &found) == 0)
		is = entry.gr_gid == gid && strcmp(entry.gr_name, "disk") == 0;
	if (stream)
		(void)fclose(stream);
	return is;
}

/* Open the node; its descriptor, which claims the device, or a negative errno with why. */
static int device_open(const char *path, struct stat *st, char *why)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int dirfd = name ? fs_open_folder(folder, 0) : -EINVAL;
	int fd = -1;

	if (dirfd < 0)
		return device_fail(why, dirfd,
		                   dirfd == -EPERM ? "its folders must be root's and writable by root alone"
		                                   : strerror(-dirfd));
	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		fd = device_fail(why, -errno, strerror(errno));
	else if (!S_ISBLK(st->st_mode))
		fd = device_fail(why, -ENOTBLK, "it is no block device");
	else if (st->st_uid != 0 || (st->st_mode & S_IRWXO) != 0 ||
	         ((st->st_mode & S_IRWXG) != 0 && !is_group_of_disks(st->st_gid)))
		fd = device_fail(why, -EPERM,
		                 "it must be root's, and open to nobody else but the group disk (chown root:disk, "
		                 "chmod 0660)");
	else
		fd = openat(dirfd, name, O_RDONLY | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && !why[0])
		fd = device_fail(why, -errno,
		                 errno == EBUSY ? "it is in use: mounted, swap, of LVM or md, or another machine's"
		                                : strerror(errno));
	close(dirfd);
	return fd;
}

int device_claim(struct device *device, const char *path, char *why)
{
	uint64_t deadline = clock_steady() + LOCK_MS;
	struct stat before, after;
	int read_only = 0;

	*device = (struct device){.claim = -1};
	why[0] = 0;
	if (!str_is_path(path))
		return device_fail(why, -EINVAL, "it is no absolute path");
	if (!realpath(path, device->path))
		return device_fail(why, -errno, strerror(errno));
	device->claim = device_open(device->path, &before, why);
	if (device->claim < 0)
		return device->claim;
	/* systemd.io/BLOCK_DEVICE_LOCKING: udev neither looks at it nor makes partitions of what a guest wrote */
	while (flock(device->claim, LOCK_EX | LOCK_NB) < 0 && clock_steady() < deadline)
		clock_nap(20);
	if (fstat(device->claim, &after) < 0 || after.st_rdev != before.st_rdev ||
	    ioctl(device->claim, BLKGETSIZE64, &device->bytes) < 0 || ioctl(device->claim, BLKROGET, &read_only) < 0)
		(void)device_fail(why, -EIO, "it cannot be looked at");
	else if (device->bytes < 512)
		(void)device_fail(why, -ENOMEDIUM, "it has no medium");
	else if (read_only)
		(void)device_fail(why, -EROFS, "it is read-only");
	if (why[0]) {
		device_close(device);
		return -EIO;
	}
	device->number = before.st_rdev;
	return 0;
}

void device_close(struct device *device)
{
	if (device->claim >= 0)
		close(device->claim);
	device->claim = -1;
}

/* In a mount namespace of our own: the node, and nothing else. */
static int node_make(dev_t number, uid_t uid, gid_t gid)
{
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("tmpfs", WNODES_RUNDIR, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700,size=64k,nr_inodes=16") < 0 ||
	    mknod(NODE, S_IFBLK | 0600, number) < 0 || lchown(NODE, uid, gid) < 0)
		return -errno;
	fd = open(NODE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || unlink(NODE) < 0 ? -errno : fd;
}

int device_node(dev_t number, uid_t uid, gid_t gid)
{
	int ours = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int rc = ours < 0 || unshare(CLONE_NEWNS) < 0 ? -errno : 0;

	if (rc == 0) {
		rc = node_make(number, uid, gid);
		/* nothing more may be done from here */
		if (setns(ours, CLONE_NEWNS) < 0 || chdir("/") < 0)
			abort();
	}
	if (ours >= 0)
		close(ours);
	return rc;
}

int device_zero(int fd, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = {offset, bytes};

	return ioctl(fd, BLKZEROOUT, range) < 0 ? -errno : 0;
}
