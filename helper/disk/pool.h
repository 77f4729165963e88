/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block devices of [disk] devices, of which a job gets one. A lease is a
 * line of the job's journal, `block PATH MAJOR:MINOR BOOT`: it is there before
 * the device is touched, and ends with the record.
 */
#ifndef WNODES_HELPER_DISK_POOL_H
#define WNODES_HELPER_DISK_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/disk/device.h"
#include "helper/disk/disk.h"
#include "helper/failure.h"

/**
 * Lease the first free device of the list that has so many bytes, for
 * device_close() when the machine runs. Returns 0, -EINVAL with why
 * (EXIT_USAGE: no device is as large as the job asks) or -EIO with why
 * (EXIT_NODE: none is free; or the node's devices are wrong).
 */
int pool_lease(const struct disk_request *request, uint64_t bytes, struct device *device, struct failure *why);

/**
 * Undo the journal's line: what a guest wrote at the beginning and at the end
 * of the device goes, so that the host finds no partition, LVM or md there.
 * Returns 0, or a negative errno where the line is broken.
 */
int pool_release(const char *argument);

/* What is wrong with the device at path. */
typedef void pool_report(void *context, const char *path, const char *why);

/**
 * Say of each device of the pool that no job has what is wrong with it, if
 * something is. Returns 0 or a negative errno where the leases cannot be read.
 */
int pool_check(const struct config *config, pool_report *report, void *context);

#endif
