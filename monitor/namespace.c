/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/str.h"
#include "monitor/compat.h"
#include "monitor/disk.h"
#include "monitor/network.h"
#include "monitor/vfio.h"

#define HARMLESS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define ROOT_OPTIONS "mode=0711,size=32m,nr_inodes=8192"

static int fail(char *why, int rc, const char *step)
{
	(void)str_print(why, NAMESPACE_WHY_MAX, "%s: %s", step, strerror(-rc));
	return rc;
}

const char *namespace_path(char *path, const char *part)
{
	(void)str_print(path, PATH_MAX, "%s/%s", NAMESPACE_ROOT, part);
	return path;
}

void namespace_unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = 0;
}

unsigned long namespace_mount_flags(const char *options)
{
	unsigned long flags = 0;

	flags |= strstr(options, "nosuid") ? MS_NOSUID : 0UL;
	flags |= strstr(options, "nodev") ? MS_NODEV : 0UL;
	flags |= strstr(options, "noexec") ? MS_NOEXEC : 0UL;
	flags |= strstr(options, "noatime") ? MS_NOATIME : 0UL;
	flags |= strstr(options, "relatime") ? MS_RELATIME : 0UL;
	return flags;
}

/*
 * One mount after the other, for kernels before 5.12. A mount that cannot be
 * reached (covered by another) is passed over: libvirt cannot reach it either.
 */
static int read_only_each(void)
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (!stream)
		return -errno;
	while (rc == 0 && getline(&line, &size, stream) > 0) {
		char *point = NULL, *options = NULL;

		if (sscanf(line, "%*s %*s %*s %*s %ms %ms", &point, &options) == 2) {
			namespace_unescape(point);
			if (mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | namespace_mount_flags(options),
			          NULL) < 0)
				rc = errno == EINVAL || errno == ENOENT ? 0 : -errno;
		}
		free(point);
		free(options);
	}
	free(line);
	(void)fclose(stream);
	return rc;
}

static int read_only_all(void)
{
	struct compat_mount_attr attr = {.attr_set = COMPAT_MOUNT_ATTR_RDONLY};

	if (compat_mount_setattr(AT_FDCWD, "/", COMPAT_AT_RECURSIVE, &attr) == 0)
		return 0;
	return errno == ENOSYS ? read_only_each() : -errno;
}

/* Bind what fd is open on. */
static int bind_descriptor(int fd, const char *part, bool writable)
{
	char from[64], to[PATH_MAX];
	unsigned long flags = MS_REMOUNT | MS_BIND | HARMLESS | (writable ? 0UL : MS_RDONLY);

	(void)namespace_path(to, part);
	(void)str_print(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0 || mount(NULL, to, NULL, flags, NULL) < 0)
		return -errno;
	return 0;
}

int namespace_bind(const char *source, const char *part, bool writable)
{
	int fd = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : bind_descriptor(fd, part, writable);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int make_device(const char *name, unsigned int major, unsigned int minor)
{
	char path[64];

	(void)str_print(path, sizeof(path), "/dev/%s", name);
	if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) < 0)
		return -errno;
	return chmod(path, 0666) < 0 ? -errno : 0;
}

static int make_devices(void)
{
	static const struct {
		const char *name;
		unsigned int minor;
	} devices[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(devices) / sizeof(devices[0]); i++)
		rc = make_device(devices[i].name, 1, devices[i].minor);
	return rc;
}

/*
 * A /dev of its own: a read-only mount does not keep root from writing to a
 * disk's device that a planted symlink points to. Without kvm there is no
 * /dev/kvm, so that libvirt does not probe what the machine will not use.
 */
static int private_dev(const struct machine *machine)
{
	bool kvm = machine->kvm, vhost = kvm && access("/dev/vhost-net", F_OK) == 0;
	struct vfio_nodes nodes;
	char from[64];
	int fd = kvm ? open("/dev/kvm", O_PATH | O_CLOEXEC) : -1;
	int rc = kvm && fd < 0 ? -errno : vfio_find(&machine->devices, &nodes);
	int file;

	if (rc < 0)
		goto out;
	if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k,nr_inodes=64") < 0) {
		rc = -errno;
		goto out;
	}
	rc = make_devices();
	if (rc == 0)
		rc = vfio_make(machine, &nodes);
	if (rc == 0)
		rc = network_make_devices(machine, vhost);
	if (rc == 0 && kvm) {
		file = open("/dev/kvm", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		(void)str_print(from, sizeof(from), "/proc/self/fd/%d", fd);
		if (file < 0 || mount(from, "/dev/kvm", NULL, MS_BIND, NULL) < 0)
			rc = -errno;
		if (file >= 0)
			close(file);
	}
	if (rc == 0 && mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) < 0)
		rc = -errno;
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

static int make_folder(const char *part, mode_t mode)
{
	char path[PATH_MAX];

	if (mkdir(namespace_path(path, part), mode) < 0)
		return -errno;
	return chmod(path, mode) < 0 ? -errno : 0;
}

/* mkdir -p, in the tmpfs at /run. */
static int make_folders(const char *path)
{
	char part[PATH_MAX];
	int rc = 0;

	for (const char *slash = strchr(path + 1, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
		(void)str_print(part, sizeof(part), "%.*s", (int)(slash - path), path);
		rc = mkdir(part, 0755) < 0 && errno != EEXIST ? -errno : 0;
	}
	return rc == 0 && mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : rc;
}

/*
 * A /run of its own: libvirt keeps state of devices in /run/libvirt whatever
 * its root is, and nobody here shall find the system bus or other jobs.
 */
static int private_run(void)
{
	int rc = 0;

	if (mount("tmpfs", "/run", "tmpfs", HARMLESS, "mode=0755,size=1m,nr_inodes=1024") < 0)
		return -errno;
	if (mkdir("/run/libvirt", 0700) < 0)
		return -errno;
	if (strncmp(NAMESPACE_ROOT, "/run/", 5) == 0)
		rc = make_folders(NAMESPACE_ROOT);
	return rc;
}

int namespace_root(char *why)
{
	static const struct {
		const char *part;
		mode_t mode;
	} folders[] = {{"etc", 0700},
	               {"disk", 0711},
	               {"socket", 0700},
	               {NAMESPACE_MOUNT, 0711},
	               {NAMESPACE_VIRTIOFS, 0711},
	               {NAMESPACE_PASST, 0711},
	               {"cache", 0711},
	               {"cache/qemu", 0711},
	               {NAMESPACE_CACHE, 0700}};
	int rc = 0;

	if (mount("tmpfs", NAMESPACE_ROOT, "tmpfs", HARMLESS, ROOT_OPTIONS) < 0)
		return fail(why, -errno, "mount of the private folder");
	for (size_t i = 0; rc == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		rc = make_folder(folders[i].part, folders[i].mode);
	return rc < 0 ? fail(why, rc, "folders of the private folder") : 0;
}

int namespace_unshare(char *why)
{
	if (unshare(CLONE_NEWNS) < 0)
		return fail(why, -errno, "unshare of the mount namespace");
	/* slave: what the host unmounts goes away here too, nothing goes the other way */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fail(why, -errno, "mount propagation");
	return 0;
}

/* The first hugetlbfs that can be reached is detached: 1; 0 where there is none. */
static int detach_hugetlbfs(void)
{
	FILE *stream = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;
	int rc = 0;

	if (!stream)
		return -errno;
	while (rc == 0 && (entry = getmntent(stream))) {
		if (strcmp(entry->mnt_type, "hugetlbfs") != 0)
			continue;
		if (umount2(entry->mnt_dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			rc = 1;
		else if (errno != EINVAL && errno != ENOENT)
			rc = -errno;
	}
	(void)endmntent(stream);
	return rc;
}

int namespace_enter(const struct machine *machine, char *why)
{
	int rc = read_only_all();

	if (rc < 0)
		return fail(why, rc, "read-only remount");
	/* whatever its qemu.conf says, libvirt looks into each that is listed: also into those that /dev and /run cover
	 */
	do
		rc = detach_hugetlbfs();
	while (rc == 1);
	if (rc < 0)
		return fail(why, rc, "umount of a hugetlbfs");
	/* libvirt would make groups of its own and move QEMU out of the job's */
	if (umount2("/sys/fs/cgroup", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return fail(why, -errno, "umount of the cgroup file systems");
	rc = private_dev(machine);
	if (rc < 0)
		return fail(why, rc,
		            machine->devices.group_count ? "private /dev with /dev/vfio"
		            : machine->kvm               ? "private /dev with /dev/kvm"
		                                         : "private /dev");
	rc = private_run();
	if (rc < 0)
		return fail(why, rc, "private /run");
	rc = namespace_root(why);
	if (rc == 0 && chdir("/") < 0)
		rc = fail(why, -errno, "chdir /");
	return rc;
}

/* An empty file for a mount to cover. */
static int make_file(const char *part)
{
	char path[PATH_MAX];
	int fd = open(namespace_path(path, part), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int namespace_file(const char *source, const char *part, bool writable, uid_t owner, char *why)
{
	char path[PATH_MAX];
	struct stat st = {0};
	int rc = make_file(part);

	if (rc == 0)
		rc = namespace_bind(source, part, writable);
	if (rc == 0 && lstat(namespace_path(path, part), &st) < 0)
		rc = -errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0 && owner != (uid_t)-1 && st.st_uid != owner)
		rc = -EPERM;
	return rc < 0 ? fail(why, rc, source) : 0;
}

/* The base that a user owns, as he opened it: root resolves no path of his. */
static int bind_own_base(int fd, char *why)
{
	struct stat st = {0};
	int rc = make_file(NAMESPACE_BASE);

	if (rc == 0 && fstat(fd, &st) < 0)
		rc = -errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0)
		rc = bind_descriptor(fd, NAMESPACE_BASE, false);
	close(fd);
	return rc < 0 ? fail(why, rc, "the image's file") : 0;
}

int namespace_files(const struct machine *machine, int base, char *why)
{
	int rc = disk_bind(machine, why);

	if (rc == 0 && machine->disk_base_own)
		rc = bind_own_base(base, why);
	else if (rc == 0 && machine->disk_base)
		rc = namespace_file(machine->disk_base, NAMESPACE_BASE, false, (uid_t)-1, why);
	if (rc == 0 && machine->seed)
		rc = namespace_file(machine->seed, NAMESPACE_SEED, false, 0, why);
	if (rc == 0 && machine->kernel)
		rc = namespace_file(machine->kernel, NAMESPACE_KERNEL, false, (uid_t)-1, why);
	if (rc == 0 && machine->initrd)
		rc = namespace_file(machine->initrd, NAMESPACE_INITRD, false, (uid_t)-1, why);
	return rc;
}
