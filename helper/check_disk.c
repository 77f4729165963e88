/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What [disk] asks for that this node's QEMU, kernel or file system cannot do: a small file tells. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/str.h"
#include "helper/check.h"
#include "helper/child.h"
#include "helper/fs.h"
#include "helper/list.h"
#include "helper/policy.h"

#define TRY_MS 20000U
#define TRY_BYTES (1 << 20)

/* The folder of disks; where it is still to be made, the one that it will lie in. */
static int open_folder(const char *path)
{
	char parent[PATH_MAX];
	int fd = fs_open_folder(path, 0);

	return fd == -ENOENT && fs_split(path, parent) ? fs_open_folder(parent, 0) : fd;
}

/* A file there that is nobody's, as a disk is its user's, and has no name; a negative errno. */
static int make_file(const char *path)
{
	char name[40];
	int folder = open_folder(path);
	int fd, rc = 0;

	if (folder < 0)
		return folder;
	(void)str_print(name, sizeof(name), ".check.%d", (int)getpid());
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || unlinkat(folder, name, 0) < 0 || fchown(fd, CHECK_NOBODY, CHECK_NOBODY) < 0 ||
	    ftruncate(fd, TRY_BYTES) < 0)
		rc = -errno;
	close(folder);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* Have qemu-img do it with the file, without any rights. */
static void try(struct check *check, char *const *argv, int fd, const char *what)
{
	const struct child child = {.program = check->config->qemu_img,
	                            .argv = argv,
	                            .uid = CHECK_NOBODY,
	                            .gid = CHECK_NOBODY,
	                            .fds = &fd,
	                            .fd_count = 1,
	                            .out = -1};
	struct failure why = {0};

	if (child_run(&child, what, TRY_MS, &why) < 0)
		check_problem(check, "%s", why.message);
}

static void try_io(struct check *check, int fd, const char *file)
{
	const struct config_disk *disk = &check->config->disk;
	char what[160];
	char *const argv[] = {
	        "qemu-img", "bench",          "-q", "-c",  "1",          "-s", "4096", "-t", (char *)disk->cache,
	        "-i",       (char *)disk->io, "-f", "raw", (char *)file, NULL};

	(void)str_print(what, sizeof(what), "[disk] cache = %s, io = %s does not work here", disk->cache, disk->io);
	try(check, argv, fd, what);
}

static void try_qcow2(struct check *check, int fd, const char *file)
{
	const struct config_disk *disk = &check->config->disk;
	const char *prealloc = disk->extended_l2 ? disk->prealloc : "off";
	char options[128], what[256];
	char *const argv[] = {"qemu-img", "create", "-q", "-u",    "-f",         "qcow2", "-b", "/dev/null",
	                      "-F",       "raw",    "-o", options, (char *)file, "1M",    NULL};

	(void)snprintf(options, sizeof(options), "cluster_size=%" PRIu64 "%s,preallocation=%s", disk->cluster_size,
	               disk->extended_l2 ? ",extended_l2=on" : "", prealloc);
	(void)str_print(what, sizeof(what), "[disk] cluster_size, extended_l2, prealloc: %s does not work here",
	                options);
	try(check, argv, fd, what);
}

/*
 * Of a server, or of a program: what loses its name while it is open gets
 * another one there, and keeps it. NULL: of the node's own.
 */
static const char *remote_type(const char *path)
{
	/* linux/magic.h, as far as it has them */
	static const struct {
		uint32_t magic;
		const char *type;
	} types[] = {{0x6969, "nfs"},        {0x517b, "smb"},         {0xff534d42, "cifs"},   {0xfe534d42, "smb2"},
	             {0x00c36400, "ceph"},   {0x5346414f, "afs"},     {0x6b414653, "afs"},    {0x01021997, "9p"},
	             {0x73757245, "coda"},   {0x65735546, "fuse"},    {0x0bd00bd0, "lustre"}, {0x47504653, "gpfs"},
	             {0x19830326, "beegfs"}, {0x20030528, "orangefs"}};
	struct statfs fs = {0};
	int fd = open_folder(path);
	const char *type = NULL;

	if (fd < 0)
		return NULL;
	if (fstatfs(fd, &fs) == 0)
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			type = (uint32_t)fs.f_type == types[i].magic ? types[i].type : type;
	close(fd);
	return type;
}

static void check_snapshots(struct check *check)
{
	const struct config_disk *disk = &check->config->disk;
	const char *folder = check->config->overlay_dir;
	const char *type = list_has(disk->modes, "snapshot", 8) ? remote_type(folder) : NULL;

	if (type && strcmp(disk->mode, "snapshot") == 0)
		check_problem(check, "[disk] mode = snapshot: overlay_dir %s is on %s, not on a local file system",
		              folder, type);
	else if (type)
		check_note(check,
		           "[disk] modes: overlay_dir %s is on %s, where snapshot may leave files behind: leave it out",
		           folder, type);
}

void check_disks(struct check *check)
{
	const char *folder = check->config->overlay_dir;
	struct config_disk disk = check->config->disk;
	struct failure ignored = {0};
	char file[32];
	int fd;

	/* what is wrong with these has been said */
	if (access(check->config->qemu_img, X_OK) < 0 || config_disk_check(&disk, "", &ignored) < 0)
		return;
	check_snapshots(check);
	fd = make_file(folder);
	if (fd == -EPERM || fd == -ENOENT)
		return;
	if (fd < 0) {
		check_problem(check, "[site] overlay_dir %s: no file can be made in it: %s", folder, strerror(-fd));
		return;
	}
	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	try_io(check, fd, file);
	try_qcow2(check, fd, file);
	close(fd);
}

void check_disk_of_image(struct check *check, const struct image *image)
{
	uint64_t max = check->config->disk.size_max;
	struct disk_option disk;
	struct failure why = {0};

	/* wnodes.conf is wrong, which has been said */
	if (!check->config->disk.modes[0])
		return;
	if (policy_disk(check->config, image, NULL, &disk, &why) < 0)
		check_problem(check, "%s", why.message);
	if (max && image->disk_size > max)
		check_problem(check, "image %s: its disk_size is %llu MiB, and size_max of [disk] %llu", image->name,
		              (unsigned long long)(image->disk_size >> 20), (unsigned long long)(max >> 20));
}
