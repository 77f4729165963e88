/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [disk] of wnodes.conf: the disks of machines. */
#ifndef WNODES_HELPER_CONFIG_DISK_H
#define WNODES_HELPER_CONFIG_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/disk_option.h"
#include "helper/failure.h"
#include "helper/ini_file.h"

#define CONFIG_DISK_MODES 64U     /* bytes of a list of modes */
#define CONFIG_DISK_DEVICES 4096U /* bytes of a list of paths */
#define CONFIG_DISK_KEYS 13U
#define CONFIG_DISK_EXTENDED (UINT64_C(16) << 10) /* with subclusters no cluster has fewer bytes */

/* Sizes are in bytes. Flat: nothing to free. */
struct config_disk {
	char mode[DISK_WORD_SIZE];     /* of a job that says none */
	char modes[CONFIG_DISK_MODES]; /* what jobs may ask for, separated by commas */
	char prealloc[DISK_WORD_SIZE];
	char cache[DISK_WORD_SIZE], io[DISK_WORD_SIZE], discard[DISK_WORD_SIZE]; /* QEMU's words */
	bool extended_l2, iothread;
	uint64_t cluster_size;             /* of a qcow2 file */
	uint64_t size_max;                 /* of a job's disk; 0: no limit */
	char devices[CONFIG_DISK_DEVICES]; /* paths, separated by commas; "" where not given */
	char thin_pool[132];               /* VG/POOL; "" where not given */
	uint64_t copy_timeout;             /* seconds that filling a disk may take */
	int lines[CONFIG_DISK_KEYS];       /* where each key was given; 0: not */
};

/** Set the defaults. */
void config_disk_default(struct config_disk *disk);

/** Take a key's value; NULL, or what is wrong with it. */
const char *config_disk_take(struct config_disk *disk, struct ini_file *file, const char *key, const char *value);

/**
 * What [disk] is as a whole, when the file called name has been read: QEMU
 * refuses some combinations. Returns 0 or -EIO with why (EXIT_NODE).
 */
int config_disk_check(struct config_disk *disk, const char *name, struct failure *why);

/**
 * QEMU's cache mode of a disk of that mode: what the file says. Where it says
 * nothing a thin volume has none: that its pool is full shows when a page is
 * written, which without the guest's flushes nobody would hear of.
 */
const char *config_disk_cache(const struct config_disk *disk, const char *mode);

/** Take a list of modes, separated by commas, into modes[CONFIG_DISK_MODES]; NULL, or what is wrong with it. */
const char *config_disk_modes(struct ini_file *file, const char *key, char *modes, const char *value);

#endif
