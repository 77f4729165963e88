/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems that grow in use, each by its own ioctl. */
#ifndef WNODES_GUEST_GROW_FS_H
#define WNODES_GUEST_GROW_FS_H

#include <stdint.h>
#include <sys/types.h>

struct grow_fs_kind;

struct grow_fs {
	int fd; /* of the folder where it is mounted */
	const struct grow_fs_kind *kind;
	dev_t device;
	uint64_t id; /* btrfs's number of the device */
};

/**
 * Open the file system mounted at path. Returns 0; -ENOTSUP where it is none
 * of those that can grow, -EXDEV where it is on several devices; or another
 * negative errno.
 */
int grow_fs_open(struct grow_fs *fs, const char *path);

/** Its size in *bytes; node is its device, open to read. Returns 0 or a negative errno. */
int grow_fs_size(const struct grow_fs *fs, int node, uint64_t *bytes);

/**
 * Have the kernel grow it to that many bytes, which its device has. Returns
 * 0; -EBUSY where another program does; -ENOTTY from a kernel that cannot; or
 * another negative errno.
 */
int grow_fs_resize(const struct grow_fs *fs, uint64_t bytes);

void grow_fs_close(struct grow_fs *fs);

#endif
