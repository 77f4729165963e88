/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's disk in the mount namespace: a file or a device, and a file's name on the host. */
#ifndef WNODES_MONITOR_DISK_H
#define WNODES_MONITOR_DISK_H

#include "monitor/machine.h"

/**
 * Before namespace_unshare(): open the folder of a disk that is to lose its
 * name (`disk.kind=snapshot`), since in the namespace everything is read-only.
 * Returns a descriptor, -1 for another disk, or another negative errno.
 */
int disk_open_folder(const struct machine *machine);

/**
 * Bind the disk to NAMESPACE_ROOT/NAMESPACE_DISK, writable: the file, which
 * must be the job's user's, or a device of the same number made for him.
 * Returns 0 or a negative errno with why, as namespace_enter().
 */
int disk_bind(const struct machine *machine, char *why);

/**
 * Where the disk is a device, claim it on the host: while the descriptor is
 * open nothing mounts the device, and neither LVM, md nor udev takes what a
 * guest writes to it for the host's. Returns it, -1 where there is nothing to
 * claim, or another negative errno.
 */
int disk_claim(const struct machine *machine);

/** Once QEMU has the disk open: its node, where it is a device, is in no folder any more. */
void disk_hide(const struct machine *machine);

/**
 * Take the name of the disk, which is bound, out of its folder, and close
 * that. Returns 0 or a negative errno.
 */
int disk_unlink(const struct machine *machine, int folder);

#endif
