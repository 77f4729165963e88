/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block device of the node's: of the pool [disk] devices, or a thin volume.
 * The job's user writes the image to it, and later is QEMU, by a node of his
 * own that lies in no folder of the host's: what the host has of the device
 * stays as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "helper/disk/copy.h"
#include "helper/disk/device.h"
#include "helper/disk/disk.h"
#include "helper/disk/pool.h"
#include "helper/disk/thin.h"
#include "helper/fs.h"

#define CHUNK_MIN (UINT64_C(16) << 20)
#define CHUNK_MAX (UINT64_C(4) << 30)
#define CHUNK_MS 200U

/* All of it reads as zeros: what a former job left is nobody's. */
static int block_clear(const struct device *device, int fd, struct copy *copy, struct failure *why)
{
	uint64_t chunk = CHUNK_MIN, length;
	int rc = 0;

	copy->doing = "clearing its disk";
	copy->bytes = device->bytes;
	for (uint64_t offset = 0; rc == 0 && offset < device->bytes; offset += length) {
		uint64_t begin = clock_steady();

		length = device->bytes - offset < chunk ? device->bytes - offset : chunk;
		rc = device_zero(fd, offset, length);
		if (rc < 0)
			return failure_set(why, EXIT_NODE, "%s cannot be cleared: %s", device->path, strerror(-rc));
		rc = copy_progress(copy, offset + length, why);
		/* a disk that does it by itself is asked for much at once */
		if (clock_steady() - begin < CHUNK_MS && chunk < CHUNK_MAX)
			chunk *= 2;
	}
	return rc;
}

/* Through a node of the job's user's. */
static int block_write(const struct disk_request *request, const struct disk_sizes *sizes, const struct device *device,
                       int node, struct failure *why)
{
	const struct image *image = request->image;
	struct copy copy = {.request = request, .task = "cannot write the machine's disk"};
	char path[32];
	int base = -1, fd, rc;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return failure_set(why, EXIT_NODE, "%s: %s", device->path, strerror(errno));
	copy_begin(&copy);
	/* a new thin volume has nothing in it */
	rc = request->config->disk.thin_pool[0] ? 0 : block_clear(device, fd, &copy, why);
	close(fd);
	if (rc == 0 && !image->own) {
		base = fs_open_file(image->source, NULL);
		if (base < 0)
			rc = failure_set(why, EXIT_NODE, "image %s: %s: %s", image->name, image->source,
			                 strerror(-base));
	}
	copy.doing = "copying its disk";
	copy.bytes = sizes->base;
	if (rc == 0)
		rc = copy_image(&copy, base, node, request->uid, request->gid, 0, why);
	if (base >= 0)
		close(base);
	return rc;
}

static int block_fill(const struct disk_request *request, const struct disk_sizes *sizes, const struct device *device,
                      struct failure *why)
{
	int node = device_node(device->number, request->uid, request->gid);
	int rc;

	if (node < 0)
		return failure_set(why, EXIT_NODE, "%s: no node can be made: %s", device->path, strerror(-node));
	rc = block_write(request, sizes, device, node, why);
	close(node);
	return rc;
}

static int block_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	static const struct disk_file file = {.kind = "block", .format = "raw", .type = "block"};
	struct disk_sizes sizes = {0};
	struct device device = {.claim = -1};
	bool empty = true;
	int rc = disk_measure(request, &sizes, why);

	if (rc == 0 && request->config->disk.thin_pool[0])
		rc = thin_make(request, &sizes, &device, &empty, why);
	else if (rc == 0)
		rc = pool_lease(request, sizes.disk, &device, why);
	if (rc == 0 && empty)
		rc = block_fill(request, &sizes, &device, why);
	if (rc == 0)
		rc = disk_describe(request, &file, device.path, machine, why);
	if (rc == 0 && kv_setf(machine, "disk.device", "%u:%u", major(device.number), minor(device.number)) < 0)
		rc = failure_set(why, EXIT_NODE, "out of memory");
	device_close(&device);
	return rc;
}

static int block_remove(const char *argument)
{
	return argument[0] == '/' ? pool_release(argument) : thin_remove(argument);
}

const struct disk_ops disk_block = {.kind = "block", .make = block_make, .remove = block_remove};
