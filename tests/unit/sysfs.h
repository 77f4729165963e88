/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sysfs for tests, made again from a real one's dump in tests/unit/sysfs/. */
#ifndef WNODES_TESTS_UNIT_SYSFS_H
#define WNODES_TESTS_UNIT_SYSFS_H

/* Make the tree of this state ("A" to "D") in a new folder, which becomes helper/pci.h's root, with /dev/vfio. */
const char *sysfs_make(const char *state);

/* Remove the tree, and end its kernel. */
void sysfs_remove(void);

/*
 * From now on a child acts on what is written to bind, unbind and
 * drivers_probe as a kernel does.
 */
void sysfs_start_kernel(void);

/* A file's text, the path being below the root ("sys/…"). */
void sysfs_put(const char *path, const char *text);
const char *sysfs_get(const char *path);

/* A link, in place of what is there. */
void sysfs_link(const char *path, const char *target);

/* The file or link is not there any more; nor is what is below a folder. */
void sysfs_drop(const char *path);

/* Who writes to the file waits for ever. */
void sysfs_block(const char *path);

#endif
