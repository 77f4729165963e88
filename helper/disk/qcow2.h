/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A qcow2 file over the read-only base, which holds what the machine writes: overlay and snapshot. */
#ifndef WNODES_HELPER_DISK_QCOW2_H
#define WNODES_HELPER_DISK_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/disk/disk.h"
#include "helper/failure.h"

/** The most bytes that a qcow2 of a disk of so many bytes can come to: each cluster written, and the tables. */
uint64_t qcow2_most(uint64_t disk, uint64_t cluster, bool extended_l2);

/**
 * Make the file of the request's disk, journalled under kind, with its size,
 * preallocation and the site's clusters; qemu-img does it, as the job's user.
 * Adds the machine description's lines. Returns 0, or with why -EINVAL
 * (EXIT_USAGE) or -EIO (EXIT_NODE).
 */
int qcow2_make(const struct disk_request *request, const char *kind, struct kv *machine, struct failure *why);

#endif
