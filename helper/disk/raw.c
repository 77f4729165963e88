/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image's disk as a file of its own: a reflink of the base where the file
 * system has them and the base is raw, else a sparse copy. All of it is done
 * with the job's user's rights, his quota among them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "helper/disk/copy.h"
#include "helper/disk/disk.h"
#include "helper/disk/file.h"
#include "helper/disk/room.h"
#include "helper/fs.h"
#include "helper/limits.h"

#define BLOCK (UINT64_C(1) << 20)
#define CLONE_MS 60000U /* millions of extents take a while */

struct raw {
	const struct disk_request *request;
	struct disk_sizes sizes;
	int base, target; /* base: -1 where it is a file of the user's */
};

static bool raw_is_prealloc(const struct raw *raw, const char *word)
{
	return strcmp(raw->request->prealloc, word) == 0;
}

static int raw_fail(const char *what)
{
	dprintf(STDERR_FILENO, "%s%s", what, strerror(errno));
	return EXIT_NODE;
}

/* In the child. */
static int raw_clone(void *context)
{
	const struct raw *raw = context;

	return ioctl(raw->target, FICLONE, raw->base) < 0 || ftruncate(raw->target, (off_t)raw->sizes.disk) < 0;
}

static int raw_write_zeros(const struct raw *raw)
{
	char *zeros = calloc(1, BLOCK);
	uint64_t offset = 0, size = raw->sizes.disk;

	while (zeros && offset < size) {
		size_t length = size - offset < BLOCK ? (size_t)(size - offset) : BLOCK;
		ssize_t n = pwrite(raw->target, zeros, length, (off_t)offset);

		if (n < 0)
			break;
		offset += (uint64_t)n;
		dprintf(STDOUT_FILENO, "(%.2f/100%%)\n", (double)offset * 100 / (double)size);
	}
	free(zeros);
	return offset == size ? 0 : raw_fail("");
}

/* In the child: the file gets its size, and what is to be there beforehand. */
static int raw_size(void *context)
{
	const struct raw *raw = context;

	/* a clone that failed half way goes */
	if (ftruncate(raw->target, 0) < 0 || ftruncate(raw->target, (off_t)raw->sizes.disk) < 0)
		return raw_fail("");
	if (!raw_is_prealloc(raw, "off") && fallocate(raw->target, 0, 0, (off_t)raw->sizes.disk) < 0 &&
	    (errno != EOPNOTSUPP || !raw_is_prealloc(raw, "full")))
		return raw_fail(errno == EOPNOTSUPP ? "the file system cannot (prealloc=falloc): " : "");
	return raw_is_prealloc(raw, "full") ? raw_write_zeros(raw) : 0;
}

static int raw_work(struct raw *raw, struct copy *copy, int (*work)(void *), struct failure *why)
{
	const struct child child = {.work = work,
	                            .context = raw,
	                            .uid = raw->request->uid,
	                            .gid = raw->request->gid,
	                            .file_max = raw->sizes.disk};

	return copy_run(copy, &child, why);
}

/* Whether the file is a clone of the base now. Where it cannot be, why not is said when it cannot be copied, too. */
static bool raw_try_clone(struct raw *raw)
{
	const struct disk_request *request = raw->request;
	const struct child child = {
	        .work = raw_clone, .context = raw, .uid = request->uid, .gid = request->gid, .out = -1, .err = -1};
	pid_t pid;

	/* what is there beforehand is shared with nobody */
	if (raw->base < 0 || strcmp(request->image->format, "raw") != 0 || !raw_is_prealloc(raw, "off"))
		return false;
	pid = child_start(&child);
	return pid > 0 && child_wait(pid, CLONE_MS) == 0;
}

/* The bytes that a copy takes, at least. */
static uint64_t raw_room(const struct raw *raw)
{
	struct stat st;

	if (!raw_is_prealloc(raw, "off"))
		return raw->sizes.disk;
	/* holes are not copied */
	return raw->base >= 0 && fstat(raw->base, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static int raw_copy(struct raw *raw, struct failure *why)
{
	const struct disk_request *request = raw->request;
	struct copy copy = {.request = request, .task = "cannot make the machine's disk", .bytes = raw->sizes.disk};
	int rc;

	copy_begin(&copy);
	copy.doing = "writing zeros to its disk";
	rc = raw_work(raw, &copy, raw_size, why);
	copy.doing = "copying its disk";
	copy.bytes = raw->sizes.base;
	return rc == 0 ? copy_image(&copy, raw->base, raw->target, request->uid, request->gid, raw->sizes.disk, why)
	               : rc;
}

static int raw_fill(struct raw *raw, const char *path, struct failure *why)
{
	int rc;

	if (raw_try_clone(raw))
		return 0;
	rc = room_claim(raw->request, path, raw_room(raw), why);
	if (rc == 0)
		rc = raw_copy(raw, why);
	return rc == 0 ? room_release(raw->request, why) : rc;
}

static int raw_open_base(struct raw *raw, struct failure *why)
{
	const struct image *image = raw->request->image;

	raw->base = image->own ? -1 : fs_open_file(image->source, NULL);
	return raw->base < 0 && !image->own ? failure_set(why, EXIT_NODE, "image %s: %s: %s", image->name,
	                                                  image->source, strerror(-raw->base))
	                                    : 0;
}

static int raw_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	static const struct disk_file file = {.kind = "raw", .format = "raw", .type = "file"};
	struct raw raw = {.request = request, .base = -1, .target = -1};
	char path[PATH_MAX];
	int rc = disk_measure(request, &raw.sizes, why);

	if (rc == 0)
		rc = limits_claim_disk(request->config, request->record, raw.sizes.disk, why);
	if (rc == 0)
		rc = raw_open_base(&raw, why);
	if (rc == 0)
		rc = raw.target = file_create(request, disk_raw.kind, "raw", path, why);
	if (rc >= 0)
		rc = raw_fill(&raw, path, why);
	if (raw.target >= 0 && rc < 0)
		file_give_up(raw.target);
	if (raw.target >= 0)
		close(raw.target);
	if (raw.base >= 0)
		close(raw.base);
	return rc == 0 ? disk_describe(request, &file, path, machine, why) : rc;
}

const struct disk_ops disk_raw = {.kind = "raw", .make = raw_make, .remove = file_remove};
