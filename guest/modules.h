/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers that nobody has loaded, or not yet. */
#ifndef WNODES_GUEST_MODULES_H
#define WNODES_GUEST_MODULES_H

#include <stddef.h>

#define MODULES_MAX 16U
#define MODULES_ALIAS 128U

/**
 * The aliases of the network devices below the folder sys (/sys) that have no
 * driver: PCI's, and virtio's. Returns how many are in aliases.
 */
size_t modules_missing(const char *sys, char aliases[MODULES_MAX][MODULES_ALIAS]);

/** Have modprobe load what they need, without waiting for it; nothing where none is missing. */
void modules_load_missing(void);

#endif
