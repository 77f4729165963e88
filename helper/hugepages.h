/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's pool of hugepages. */
#ifndef WNODES_HELPER_HUGEPAGES_H
#define WNODES_HELPER_HUGEPAGES_H

#include <stdint.h>

#include "helper/failure.h"

#define HUGEPAGES_SYSFS "/sys"

/**
 * Whether mib of memory can be had in pages of kib (sysfs is HUGEPAGES_SYSFS,
 * but in tests): what is free and not promised, and what the pool may grow by.
 * Returns 0 or -EIO with why (EXIT_NODE). It may change until QEMU asks.
 */
int hugepages_check(const char *sysfs, uint64_t kib, uint64_t mib, struct failure *why);

#endif
