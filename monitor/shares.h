/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host directories that the guest sees. A path is resolved with the job's
 * user's rights alone, once, and from then on is a descriptor: what root
 * mounts is what the user could enter, whatever becomes of the path.
 */
#ifndef WNODES_MONITOR_SHARES_H
#define WNODES_MONITOR_SHARES_H

#include "monitor/machine.h"

#define SHARES_WHY_MAX 512U

struct shares {
	int fds[MOUNTS_MAX]; /* O_PATH, of machine->mounts' entries */
	int base;            /* what shares_find_base() found; -1: nothing */
	char *mountinfo;     /* how the host's file systems were mounted */
};

/**
 * Resolve the directories of machine->mounts; bounded in time. An optional
 * one that is not there, or that the user may not enter, is taken out. Call
 * it in the namespace of namespace_unshare() before it is closed, without
 * threads. Returns 0, or an exit code (64: the job's directory is wrong, 75:
 * the site's, or one that does not answer) with one line in why[SHARES_WHY_MAX].
 */
int shares_find(struct shares *shares, struct machine *machine, char *why);

/**
 * Open the disk's base where it is a file of the job's user (disk_base_own),
 * as he would: shares->base, else -1. When and how as shares_find().
 */
int shares_find_base(struct shares *shares, const struct machine *machine, char *why);

/**
 * Bind them, with what is mounted below them, to NAMESPACE_MOUNT/N; nosuid,
 * nodev, read-only where the entry or the host says so. File systems of the
 * kernel's own (proc, sysfs, …) that are mounted below a directory are left
 * out. Closes the descriptors. Returns 0, or a negative errno with the step in why.
 */
int shares_bind(struct shares *shares, const struct mounts *mounts, char *why);

#endif
