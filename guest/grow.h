/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root file system, and its partition, take up a disk that is larger than they are. */
#ifndef WNODES_GUEST_GROW_H
#define WNODES_GUEST_GROW_H

#include <stdbool.h>

/**
 * Grow the file system mounted at path (ext2, ext3, ext4 by ext4's driver;
 * xfs; btrfs on one device) to the size of its device, and before that the
 * device, where it is a disk's last partition, to the disk's end. By ioctls
 * alone, with the file system in use. Where that cannot be, all stays as it
 * is and a line on the console says why; where there is less than 1 MiB to
 * gain nothing is said. A file /etc/growroot-disabled forbids it, as it does
 * to cloud-init. Returns whether nothing is left to gain.
 */
bool grow(const char *path);

#endif
