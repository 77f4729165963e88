/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices of the host that machines get. */
#ifndef WNODES_HELPER_DISK_DEVICE_H
#define WNODES_HELPER_DISK_DEVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DEVICE_WHY_MAX 256U
#define DEVICE_NODE_NAME "disk" /* of the nodes that machines get, in the monitor, too */

struct device {
	char path[PATH_MAX]; /* of its node, without symlinks */
	dev_t number;
	uint64_t bytes;
	int claim; /* open for us alone: nothing mounts it, and no LVM or md takes it; -1 */
};

/**
 * Claim the block device at path for as long as device->claim is open. Its
 * node must be root's, in folders that root trusts, and closed to all but root
 * and the group disk, whose members have all disks of the node. Returns 0, or
 * a negative errno with the reason in why[DEVICE_WHY_MAX]: no such device,
 * mounted, swap, held by LVM, md or another machine.
 */
int device_claim(struct device *device, const char *path, char *why);

/** Let it go. */
void device_close(struct device *device);

/**
 * Whether a process has the device open, or may have it: a descriptor, a
 * mapping, one under way in a socket or registered with an io_uring. What the
 * claim does not show: plain opens do not hinder it. Says who in
 * why[DEVICE_WHY_MAX]. Bounded; where it cannot tell in time, it is held.
 */
bool device_is_held(const struct device *device, char *why);

/**
 * A node of the device that is in no folder: this user's, 0600. Returns a
 * descriptor (O_PATH, close-on-exec) or a negative errno. Call it without threads.
 */
int device_node(dev_t number, uid_t uid, gid_t gid);

/**
 * Make the range read as zeros, fd being open to write; multiples of 512.
 * Returns 0 or a negative errno.
 */
int device_zero(int fd, uint64_t offset, uint64_t bytes);

#endif
