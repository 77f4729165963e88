/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/grow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/grow_fs.h"
#include "guest/log.h"
#include "guest/partition.h"
#include "guest/small_file.h"

#ifndef BLKPG
#define BLKPG _IO(0x12, 105)
#endif
#define BLKPG_RESIZE_PARTITION 3 /* linux/blkpg.h, since 3.6 */
#define SECTOR 512U              /* of sysfs */
#define GAIN_MIN (UINT64_C(1) << 20)
#define NAME_MAX_DEV 64
#define TRIES 100 /* of 0.1 s: another program is growing the same */

struct blkpg_partition {
	long long start, length; /* bytes */
	int number;
	char unused[128];
};

struct blkpg_arg {
	int operation, flags, length;
	void *data;
};

/* A block device as sysfs knows it. */
struct device {
	char name[NAME_MAX_DEV];
	dev_t number;
	uint64_t bytes;
};

struct root {
	struct grow_fs fs;
	struct device device;
	unsigned int partition; /* its number on the disk; 0: it is none */
	uint64_t start;         /* bytes */
	struct device disk;
};

/* To the kernel's log, and to the console, where a quiet kernel shows no such lines. Never waits. */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	char line[320], said[400];
	va_list arguments;
	ssize_t rc = 0;
	int console;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	agent_log("%s", line);
	console = open("/dev/console", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (console < 0)
		return;
	str_printable(line);
	if (str_print(said, sizeof(said), "wnodes-agent: %s\r\n", line) == 0)
		rc = write(console, said, strlen(said));
	(void)rc;
	close(console);
}

/* The number in a file of the device's folder in sysfs. Returns 0 or a negative errno. */
static int read_sysfs(dev_t number, const char *file, uint64_t *value)
{
	char path[PATH_MAX], text[32];
	int rc;

	(void)str_print(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(number), minor(number), file);
	rc = small_file_line(path, text, sizeof(text));
	return rc < 0 ? rc : str_u64(text, 0, UINT64_MAX, value);
}

/* The name of the device's folder. */
static int read_name(dev_t number, char name[NAME_MAX_DEV])
{
	char path[64], link[PATH_MAX], *slash;
	ssize_t length;

	(void)str_print(path, sizeof(path), "/sys/dev/block/%u:%u", major(number), minor(number));
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return -errno;
	link[length] = 0;
	slash = strrchr(link, '/');
	if (!slash || str_print(name, NAME_MAX_DEV, "%s", slash + 1) < 0)
		return -ENOENT;
	/* cciss!c0d0 is /dev/cciss/c0d0 */
	while ((slash = strchr(name, '!')))
		*slash = '/';
	return 0;
}

/* The whole disk's device number, by the file of the folder above. */
static int read_disk_number(dev_t partition, dev_t *disk)
{
	char path[64], text[32];
	unsigned int numbers[2];
	int rc;

	(void)str_print(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(partition), minor(partition));
	rc = small_file_line(path, text, sizeof(text));
	if (rc < 0)
		return rc;
	if (sscanf(text, "%u:%u", &numbers[0], &numbers[1]) != 2)
		return -ENOENT;
	*disk = makedev(numbers[0], numbers[1]);
	return 0;
}

static int read_device(struct device *device, dev_t number)
{
	uint64_t sectors = 0;
	int rc = read_name(number, device->name);

	device->number = number;
	if (rc == 0)
		rc = read_sysfs(number, "size", &sectors);
	device->bytes = sectors * SECTOR;
	return rc;
}

/* What the root's device is, and its disk. */
static int read_devices(struct root *root)
{
	uint64_t number = 0, sectors = 0;
	dev_t disk = 0;
	int rc = read_device(&root->device, root->fs.device);

	if (rc < 0)
		return rc;
	rc = read_sysfs(root->fs.device, "partition", &number);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = read_sysfs(root->fs.device, "start", &sectors);
	if (rc == 0)
		rc = read_disk_number(root->fs.device, &disk);
	if (rc == 0)
		rc = read_device(&root->disk, disk);
	root->partition = number <= UINT_MAX ? (unsigned int)number : 0;
	root->start = sectors * SECTOR;
	return rc;
}

/* The device's node. Returns a descriptor or a negative errno. */
static int open_device(const struct device *device, int flags)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	(void)str_print(path, sizeof(path), "/dev/%s", device->name);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == device->number)
		return fd;
	close(fd);
	return -ENODEV;
}

static void nap(void)
{
	const struct timespec time = {.tv_nsec = 100000000L};

	nanosleep(&time, NULL);
}

/* Whoever changes a partition table has this lock: udev, sfdisk, growpart. It goes with the descriptor. */
static int lock_disk(int fd)
{
	int tries = 0;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || ++tries == TRIES)
			return -errno;
		nap();
	}
	return 0;
}

/* The kernel's own notion of the partition's length. */
static int resize_in_kernel(int fd, const struct root *root, uint64_t bytes)
{
	struct blkpg_partition partition = {
	        .start = (long long)root->start, .length = (long long)bytes, .number = (int)root->partition};
	struct blkpg_arg arg = {.operation = BLKPG_RESIZE_PARTITION, .length = sizeof(partition), .data = &partition};

	return ioctl(fd, BLKPG, &arg) < 0 ? -errno : 0;
}

/* The kernel first: where it cannot, the table stays as it is. */
static int change_partition(struct root *root, const struct partition_disk *disk, const struct partition_change *change)
{
	uint64_t bytes = change->count * disk->sector;
	int rc = resize_in_kernel(disk->fd, root, bytes);

	/* kernels before 3.6 do not know this operation */
	if (rc == -EINVAL || rc == -ENOTTY)
		rc = -ENOSYS;
	if (rc < 0)
		return rc;
	rc = partition_write(disk, change);
	if (rc < 0)
		(void)resize_in_kernel(disk->fd, root, root->device.bytes);
	else
		root->device.bytes = bytes;
	return rc;
}

/* Returns 1 where there is something to be done: then change is the caller's; else 0, *why, or a negative errno. */
static int plan(const struct root *root, struct partition_disk *disk, struct partition_change *change, const char **why)
{
	struct partition partition = {.number = root->partition};
	int sector = 0;

	if (ioctl(disk->fd, BLKSSZGET, &sector) < 0)
		return -errno;
	if (sector < (int)SECTOR)
		return -EINVAL;
	disk->sector = (uint32_t)sector;
	disk->sectors = root->disk.bytes / disk->sector;
	partition.start = root->start / disk->sector;
	partition.count = root->device.bytes / disk->sector;
	return partition_plan(disk, &partition, change, why);
}

/*
 * Looked at read-only first: udev takes the end of every writer for a new
 * disk. Then again, under the lock.
 */
static int grow_partition(struct root *root, const char **why)
{
	struct partition_disk disk = {.fd = open_device(&root->disk, O_RDONLY)};
	struct partition_change change;
	int rc = disk.fd < 0 ? disk.fd : plan(root, &disk, &change, why);

	if (disk.fd >= 0)
		close(disk.fd);
	if (rc <= 0)
		return rc;
	partition_free(&change);
	disk.fd = open_device(&root->disk, O_RDWR);
	if (disk.fd < 0)
		return disk.fd;
	rc = lock_disk(disk.fd);
	/* another one may have grown it meanwhile */
	if (rc == 0)
		rc = read_devices(root);
	if (rc == 0)
		rc = plan(root, &disk, &change, why);
	if (rc == 1) {
		rc = change_partition(root, &disk, &change);
		partition_free(&change);
		if (rc == 0)
			agent_log("partition %s has %llu MiB now", root->device.name,
			          (unsigned long long)(root->device.bytes >> 20));
	}
	close(disk.fd);
	return rc;
}

static const char *reason(int rc)
{
	if (rc == -ENOSYS || rc == -ENOTTY)
		return "the kernel is too old";
	if (rc == -EXDEV)
		return "it is on several devices";
	return strerror(-rc);
}

/* Returns whether the partition is as large as it can be. */
static bool try_partition(struct root *root)
{
	const char *why = NULL;
	int rc = root->partition ? grow_partition(root, &why) : 0;

	if (rc < 0)
		why = reason(rc);
	if (why)
		complain("partition %s cannot take up the rest of its disk: %s", root->device.name, why);
	return !why;
}

/* Returns 1 where it has grown, 0 where there is nothing to gain, or a negative errno. */
static int grow_fs(const struct root *root, int node)
{
	uint64_t bytes = 0;
	int tries = 0, rc;

	for (;;) {
		rc = grow_fs_size(&root->fs, node, &bytes);
		if (rc < 0 || bytes + GAIN_MIN > root->device.bytes)
			return rc;
		rc = grow_fs_resize(&root->fs, root->device.bytes);
		if (rc != -EBUSY || ++tries == TRIES)
			return rc < 0 ? rc : 1;
		nap();
	}
}

/* Returns whether the file system is as large as it can be. */
static bool try_fs(const struct root *root)
{
	int node = open_device(&root->device, O_RDONLY);
	int rc = node < 0 ? node : grow_fs(root, node);

	if (node >= 0)
		close(node);
	if (rc < 0)
		complain("the file system of %s cannot take up the rest of it: %s", root->device.name, reason(rc));
	if (rc > 0)
		agent_log("the file system of %s has %llu MiB now", root->device.name,
		          (unsigned long long)(root->device.bytes >> 20));
	return rc >= 0;
}

bool grow(const char *path)
{
	struct root root = {.partition = 0};
	struct statvfs st;
	bool grown = true;
	int rc = grow_fs_open(&root.fs, path);

	if (rc < 0) {
		/* in memory, or of a network: there is nothing to grow */
		if (rc != -ENOTSUP)
			complain("the file system at %s cannot grow: %s", path, reason(rc));
		return rc == -ENOTSUP;
	}
	if (access("/etc/growroot-disabled", F_OK) == 0 || fstatvfs(root.fs.fd, &st) < 0 || (st.f_flag & ST_RDONLY))
		goto out;
	rc = read_devices(&root);
	if (rc < 0) {
		complain("the device of %s cannot be found: %s", path, strerror(-rc));
		grown = false;
		goto out;
	}
	grown = try_partition(&root);
	grown = try_fs(&root) && grown;
out:
	grow_fs_close(&root.fs);
	return grown;
}
