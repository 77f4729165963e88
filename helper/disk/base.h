/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a base image, without QEMU's code. */
#ifndef WNODES_HELPER_DISK_BASE_H
#define WNODES_HELPER_DISK_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/failure.h"

/**
 * The bytes of the disk in the image fd, which the site calls path. A qcow2
 * that leads to other files (a backing file, an external data file) is refused:
 * only the image itself is bound into the machine. Returns 0 or -EIO with why.
 */
int base_size(int fd, const char *path, bool qcow2, uint64_t *bytes, struct failure *why);

#endif
