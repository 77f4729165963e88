/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/qcow2.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "helper/child.h"
#include "helper/disk/copy.h"
#include "helper/disk/file.h"
#include "helper/disk/room.h"
#include "helper/limits.h"

#define CREATE_MS 30000U /* qemu-img without preallocation */
#define BASE_MAX 1023U   /* bytes of its path in the file */

static bool is_prealloc(const struct disk_request *request, const char *word)
{
	return strcmp(request->prealloc, word) == 0;
}

/* What is preallocated can have a base only with subclusters. */
static bool is_extended(const struct disk_request *request)
{
	return request->config->disk.extended_l2 || !is_prealloc(request, "off");
}

static uint64_t cluster_of(const struct disk_request *request)
{
	uint64_t cluster = request->config->disk.cluster_size;

	return is_extended(request) && cluster < CONFIG_DISK_EXTENDED ? CONFIG_DISK_EXTENDED : cluster;
}

static uint64_t most(const struct disk_request *request, uint64_t bytes)
{
	return qcow2_most(bytes, cluster_of(request), is_extended(request));
}

/* The bytes that are allocated beforehand. */
static uint64_t at_once(const struct disk_request *request, uint64_t bytes)
{
	if (is_prealloc(request, "off"))
		return 0;
	return most(request, bytes) - (is_prealloc(request, "metadata") ? bytes : 0);
}

/* What is allocated beforehand may take its time, and says how far it is. */
static int run(const struct disk_request *request, uint64_t bytes, int fd, const struct child *child,
               struct failure *why)
{
	static const char task[] = "cannot make the machine's disk";
	struct copy copy = {.request = request, .task = task, .doing = "allocating its disk", .grows = &fd};

	copy.bytes = at_once(request, bytes);
	if (copy.bytes == 0)
		return child_run(child, task, CREATE_MS, why);
	copy_begin(&copy);
	return copy_run(&copy, child, why);
}

static int run_qemu_img(const struct disk_request *request, uint64_t bytes, int fd, struct failure *why)
{
	const struct image *image = request->image;
	/* for who looks into the file: QEMU is told by the machine's description */
	const char *base = strlen(image->source) > BASE_MAX ? image->name : image->source;
	char file[32], size[32], options[128];
	char *const argv[] = {"qemu-img", "create", "-q",         "-u", "-f",
	                      "qcow2",    "-b",     (char *)base, "-F", (char *)image->format,
	                      "-o",       options,  file,         size, NULL};
	const struct child child = {.program = request->config->qemu_img,
	                            .argv = argv,
	                            .uid = request->uid,
	                            .gid = request->gid,
	                            .hidden = true,
	                            .fds = &fd,
	                            .fd_count = 1,
	                            .out = -1};

	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	(void)snprintf(size, sizeof(size), "%" PRIu64, bytes);
	/* before 5.2 QEMU does not know the word */
	(void)snprintf(options, sizeof(options), "cluster_size=%" PRIu64 "%s,preallocation=%s", cluster_of(request),
	               is_extended(request) ? ",extended_l2=on" : "", request->prealloc);
	return run(request, bytes, fd, &child, why);
}

static int fill(const struct disk_request *request, uint64_t bytes, int fd, const char *path, struct failure *why)
{
	uint64_t needed = at_once(request, bytes);
	int rc = needed ? room_claim(request, path, needed, why) : 0;

	if (rc == 0)
		rc = run_qemu_img(request, bytes, fd, why);
	return rc == 0 && needed ? room_release(request, why) : rc;
}

int qcow2_make(const struct disk_request *request, const char *kind, struct kv *machine, struct failure *why)
{
	const struct disk_file disk = {.kind = kind, .format = "qcow2", .type = "file", .has_base = true};
	struct disk_sizes sizes = {0};
	char path[PATH_MAX];
	int rc = disk_measure(request, &sizes, why);
	int fd;

	if (rc == 0)
		rc = limits_claim_disk(request->config, request->record, most(request, sizes.disk), why);
	if (rc < 0)
		return rc;
	fd = file_create(request, kind, "qcow2", path, why);
	if (fd < 0)
		return fd;
	rc = fill(request, sizes.disk, fd, path, why);
	if (rc < 0)
		file_give_up(fd);
	close(fd);
	return rc == 0 ? disk_describe(request, &disk, path, machine, why) : rc;
}
