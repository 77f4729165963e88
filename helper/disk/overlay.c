/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A qcow2 overlay on the read-only base. It lies in a folder that only root
 * enters, and is the job user's file: qemu-img, and later QEMU, have no other
 * rights than his. Root opens it only to truncate and unlink it, when it has
 * made it its own.
 */
#include "helper/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/clock.h"
#include "helper/disk/base.h"
#include "helper/fs.h"
#include "helper/image/own.h"
#include "helper/journal.h"
#include "helper/limits.h"

#define QEMU_IMG_MS 30000U
#define LEASES_MS 10000U /* for all leases that one process of ours meets: destroy has 50 s, its kills take 10 */

/* Make the empty file, the user's; its descriptor or a negative errno. */
static int overlay_create(const struct disk_request *request, const char *path)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int dirfd = name ? fs_open_folder(folder, 0700) : -EINVAL;
	int fd, rc;

	if (dirfd < 0)
		return dirfd;
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : 0;
	if (rc == 0 && fchown(fd, request->uid, request->gid) < 0)
		rc = -errno;
	close(dirfd);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static int overlay_run(const struct disk_request *request, uint64_t bytes, int fd, struct failure *why)
{
	const struct image *image = request->image;
	char file[32], size[32];
	char *const argv[] = {"qemu-img", "create",
	                      "-q",       "-u",
	                      "-f",       "qcow2",
	                      "-b",       (char *)image->source,
	                      "-F",       (char *)image->format,
	                      file,       size,
	                      NULL};
	const struct child child = {.program = request->config->qemu_img,
	                            .argv = argv,
	                            .uid = request->uid,
	                            .gid = request->gid,
	                            .fds = &fd,
	                            .fd_count = 1,
	                            .out = -1};

	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	(void)snprintf(size, sizeof(size), "%" PRIu64, bytes);
	return child_run(&child, "cannot make the machine's disk", QEMU_IMG_MS, why);
}

static int overlay_describe(const struct disk_request *request, const char *path, struct kv *machine)
{
	int rc = kv_set(machine, "disk.kind", "overlay");

	if (rc == 0)
		rc = kv_set(machine, "disk.path", path);
	if (rc == 0)
		rc = kv_set(machine, "disk.format", "qcow2");
	/* the overlay dies with its job: flushing it is waste */
	if (rc == 0)
		rc = kv_set(machine, "disk.cache", "unsafe");
	if (rc == 0)
		rc = kv_set(machine, "disk.base", request->image->source);
	if (rc == 0)
		rc = kv_set(machine, "disk.base_format", request->image->format);
	if (rc == 0 && request->image->own)
		rc = kv_set(machine, "disk.base_own", "yes");
	return rc;
}

/* The bytes of the disk in the base, within the site's limits. */
static int overlay_measure(const struct disk_request *request, uint64_t *bytes, struct failure *why)
{
	const struct image *image = request->image;
	struct stat st = {0};
	uint64_t file = 0;
	int fd, rc;

	if (image->own) {
		rc = image_own_size(image, request->record, &file, bytes, why);
	} else {
		fd = fs_open_file(image->source, NULL);
		if (fd < 0)
			return failure_set(why, EXIT_NODE, "image %s: %s: %s", image->name, image->source,
			                   strerror(-fd));
		rc = base_size(fd, image->source, strcmp(image->format, "qcow2") == 0, bytes, why);
		(void)fstat(fd, &st);
		file = (uint64_t)st.st_size;
		close(fd);
	}
	if (rc == 0)
		rc = limits_check_sizes(request->config, image, file, *bytes, why);
	return rc == 0 ? limits_claim_overlay(request->config, request->record, *bytes, why) : rc;
}

static int overlay_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	const struct record_id *id = &request->record->id;
	char path[PATH_MAX];
	uint64_t bytes = 0;
	int rc = overlay_measure(request, &bytes, why);
	int fd;

	if (rc < 0)
		return rc;
	rc = str_print(path, sizeof(path), "%s/%s-%" PRIu32 ".%" PRIu32 ".qcow2", request->config->overlay_dir,
	               id->node, id->job, id->restart);
	if (rc == 0)
		rc = journal_append(request->record->dirfd, "overlay", path);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot note the disk in the journal: %s", strerror(-rc));
	fd = overlay_create(request, path);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "cannot make the disk %s: %s", path, strerror(-fd));
	rc = overlay_run(request, bytes, fd, why);
	close(fd);
	if (rc == 0 && overlay_describe(request, path, machine) < 0)
		rc = failure_set(why, EXIT_NODE, "the disk's path %s is too long", path);
	return rc;
}

/*
 * Open to write what the O_PATH descriptor names. A descriptor that outlived
 * the job may hold a lease on the file: each open asks for its end, and says
 * EWOULDBLOCK until the holder gives it up or the kernel takes it
 * (fs.lease-break-time, 45 s). A negative errno where it cannot be opened.
 */
static int overlay_open_to_write(int file)
{
	static uint64_t waited;
	uint64_t begin = clock_steady();
	uint64_t passed = 0;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	for (;;) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
		passed = clock_steady() - begin;
		if (fd != -EWOULDBLOCK || waited + passed >= LEASES_MS)
			break;
		clock_nap(20);
	}
	waited += passed;
	return fd;
}

/* Make the file root's, so that nobody opens it or takes a lease on it any more; whether it is ours to empty. */
static bool overlay_seize(int file, const char *argument)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
		log_error("%s is not a regular file: it is removed, not emptied", argument);
		return false;
	}
	/* root_squash, say: what can be done without is still done */
	if (st.st_nlink == 1 && (fchownat(file, "", 0, 0, AT_EMPTY_PATH) < 0 || chmod(path, 0600) < 0))
		log_error("%s cannot be made root's: %s", argument, strerror(errno));
	/* again: its user may have linked it until it was root's */
	if (st.st_nlink == 1 && fstat(file, &st) == 0 && st.st_nlink == 1)
		return true;
	if (st.st_nlink > 1)
		log_error("%s has other names: this one is removed, its space comes back with them", argument);
	return false;
}

/* Its space comes back at once, even while somebody still holds the file open. */
static int overlay_empty(int dirfd, const char *name, const char *argument)
{
	int file = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc = 0;
	int fd;

	if (file < 0) {
		if (errno != ENOENT)
			log_error("%s cannot be opened: %s", argument, strerror(errno));
		return 0;
	}
	if (overlay_seize(file, argument)) {
		fd = overlay_open_to_write(file);
		if (fd == -EWOULDBLOCK)
			log_error("%s is removed, but a process holds a lease on it: its space comes back when that "
			          "process ends; `lsof +L1` names it",
			          argument);
		else if (fd < 0)
			log_error("%s cannot be opened to empty it: %s", argument, strerror(-fd));
		else if (ftruncate(fd, 0) < 0)
			rc = -errno;
		if (fd >= 0)
			close(fd);
	}
	close(file);
	return rc;
}

static int overlay_remove(const char *argument)
{
	char folder[PATH_MAX];
	const char *name = fs_split(argument, folder);
	int dirfd, rc;

	if (!name)
		return -EINVAL;
	dirfd = fs_open_folder(folder, 0);
	if (dirfd < 0)
		return dirfd == -ENOENT ? 0 : dirfd;
	rc = overlay_empty(dirfd, name, argument);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		rc = -errno;
	close(dirfd);
	return rc;
}

const struct disk_ops disk_overlay = {.kind = "overlay", .make = overlay_make, .remove = overlay_remove};
