/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filling a disk, which takes its time: as a user, bounded, cancelled with the job, and said how far it is. */
#ifndef WNODES_HELPER_DISK_COPY_H
#define WNODES_HELPER_DISK_COPY_H

#include <stdint.h>
#include <sys/types.h>

#include "helper/child.h"
#include "helper/disk/disk.h"
#include "helper/failure.h"

/* Something that lasts. */
struct copy {
	const struct disk_request *request;
	const char *task;  /* what is said where it fails */
	const char *doing; /* what people read while it lasts, behind the image's name */
	uint64_t bytes;    /* all that there is to do */
	const int *grows;  /* a file, whose blocks tell how far it is; NULL: the child does */
	uint64_t begin;    /* of clock_steady(); set by copy_begin() */
	uint64_t said;     /* when the job's state was last written */
};

/** Set copy's clock. */
void copy_begin(struct copy *copy);

/**
 * Say that so many bytes are done, at most once a second, in the job's state.
 * Returns 0, -ECANCELED where the job is being ended, or -EIO with why (EXIT_NODE)
 * where [disk] copy_timeout is over.
 */
int copy_progress(struct copy *copy, uint64_t bytes, struct failure *why);

/**
 * Start the child and wait for its end, saying how far it is: unless a file
 * grows, it writes "(PERCENT/100%)" on its standard output, as `qemu-img -p`
 * does. Returns 0, or -ECANCELED, or -EIO with why (EXIT_NODE).
 */
int copy_run(struct copy *copy, const struct child *child, struct failure *why);

/**
 * Write the image into target, a file or device that holds nothing but zeros,
 * with the rights of user and group: target is a descriptor that this user may open anew
 * by /proc/self/fd, and base, where it is not -1, likewise the image's; else
 * the image is a file of the job's user, opened with his rights. file_max: the
 * bytes that a file may get. As copy_run().
 */
int copy_image(struct copy *copy, int base, int target, uid_t user, gid_t group, uint64_t file_max,
               struct failure *why);

/** The percentage of the last whole "(PERCENT/100%)" in text in hundredths, or -1. */
int copy_percent(const char *text);

#endif
