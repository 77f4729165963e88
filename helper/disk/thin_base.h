/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The volumes of a thin pool, VG/POOL, that images were written into:
 * wnodes-base- and the first digits of the image's digest. Jobs' volumes are
 * snapshots of them, and need them no more once they are made.
 */
#ifndef WNODES_HELPER_DISK_THIN_BASE_H
#define WNODES_HELPER_DISK_THIN_BASE_H

#include <stddef.h>

#include "helper/failure.h"

#define THIN_NAME_MAX 128U
#define THIN_BASE "wnodes-base-"
#define THIN_DIGITS 40 /* of the digest: a name may have 127 bytes */
/* dmeventd would be started in the job's cgroup, and killed with it; the host's watches the pool */
#define THIN_QUIET "--quiet --config activation/monitoring=0"

/**
 * Take the lock under which bases come and go: closing it gives it back. Calls
 * wait(context), unless that is NULL, while another has it, until that returns
 * what is not 0. Returns a descriptor, what wait returned, or a negative errno.
 */
int thin_base_lock(int (*wait)(void *context), void *context);

/** 1 where the volume is there, 0 where it is not, or -EIO with why (EXIT_NODE). */
int thin_is_there(const char *group, const char *name, struct failure *why);

/** The digits of all bases in the pool, separated by newlines, into list[size]. Returns 0 or -EIO with why. */
int thin_base_list(const char *pool, char *list, size_t size, struct failure *why);

/**
 * Remove the base of the image with this digest, of which the first
 * THIN_DIGITS suffice. Returns 0, -ENOENT where there is none, or with why
 * -EBUSY where a job is about to take a base, or -EIO.
 */
int thin_base_remove(const char *pool, const char *digest, struct failure *why);

#endif
