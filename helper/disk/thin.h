/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's disk as a thin volume of [disk] thin_pool, VG/POOL. An image is
 * written once, into the volume wnodes-base-DIGEST, by the user who fetches
 * images; a job's is a snapshot of that, wnodes-NODE-JOB.RESTART. An image
 * without a sha256 has no base: it is written into the job's volume.
 */
#ifndef WNODES_HELPER_DISK_THIN_H
#define WNODES_HELPER_DISK_THIN_H

#include <stdbool.h>

#include "helper/disk/device.h"
#include "helper/disk/disk.h"
#include "helper/failure.h"

/**
 * Make the job's volume, journalled first as `block VG/NAME`; *empty where it
 * still has to be written. Waits, bounded, for another job that writes the
 * same image. device is claimed, for device_close() when the machine runs. Returns 0,
 * -ECANCELED or -EIO with why (EXIT_NODE).
 */
int thin_make(const struct disk_request *request, const struct disk_sizes *sizes, struct device *device, bool *empty,
              struct failure *why);

/** Undo the journal's line. Returns 0 or a negative errno: a volume that somebody holds open stays. */
int thin_remove(const char *argument);

/** Whether the pool can be used: it is there, not full, and gives out zeroed blocks. Returns 0 or -EIO with why. */
int thin_check(const char *pool, struct failure *why);

#endif
