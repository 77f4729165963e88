/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/journal.h"

#define LEASES_MS 10000U /* for all leases that one process of ours meets: destroy has 50 s, its kills take 10 */

/* Make the empty file, the user's; its descriptor or a negative errno. */
static int create(const struct disk_request *request, const char *path)
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

int file_create(const struct disk_request *request, const char *kind, const char *suffix, char *path,
                struct failure *why)
{
	const struct record_id *id = &request->record->id;
	int rc = str_print(path, PATH_MAX, "%s/%s-%" PRIu32 ".%" PRIu32 ".%s", request->config->overlay_dir, id->node,
	                   id->job, id->restart, suffix);
	int fd;

	if (rc == 0)
		rc = journal_append(request->record->dirfd, kind, path);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot note the disk in the journal: %s", strerror(-rc));
	fd = create(request, path);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "cannot make the disk %s: %s", path, strerror(-fd));
	return fd;
}

void file_give_up(int fd)
{
	if (ftruncate(fd, 0) < 0)
		log_error("a disk that could not be made keeps its space until its job's end: %s", strerror(errno));
}

/*
 * Open to write what the O_PATH descriptor names. A descriptor that outlived
 * the job may hold a lease on the file: each open asks for its end, and says
 * EWOULDBLOCK until the holder gives it up or the kernel takes it
 * (fs.lease-break-time, 45 s). A negative errno where it cannot be opened.
 */
static int open_to_write(int file)
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
static bool seize(int file, const char *argument)
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
static int empty(int dirfd, const char *name, const char *argument)
{
	int file = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc = 0;
	int fd;

	if (file < 0) {
		if (errno != ENOENT)
			log_error("%s cannot be opened: %s", argument, strerror(errno));
		return 0;
	}
	if (seize(file, argument)) {
		fd = open_to_write(file);
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

int file_remove(const char *path)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int dirfd, rc;

	if (!name)
		return -EINVAL;
	dirfd = fs_open_folder(folder, 0);
	if (dirfd < 0)
		return dirfd == -ENOENT ? 0 : dirfd;
	rc = empty(dirfd, name, path);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		rc = -errno;
	close(dirfd);
	return rc;
}
