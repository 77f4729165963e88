/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the site allows of machines on this host at once: their number and the
 * bytes of their disks. Claims are lines of the jobs' records, so that they go
 * with them; they are made under a lock of their own, which is taken after a
 * record's.
 */
#ifndef WNODES_HELPER_LIMITS_H
#define WNODES_HELPER_LIMITS_H

#include <stdint.h>

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/** The lock of all claims: a descriptor to close, or -EIO with why (EXIT_NODE). */
int limits_lock(struct failure *why);

/**
 * Where [policy] machines_max is a limit: make the record's phase `prepared`,
 * if that is not one machine too many. Returns 0, or -EIO with why (EXIT_NODE).
 */
int limits_claim_machine(const struct config *config, struct record *record, struct failure *why);

/**
 * Check the sizes of an image, of its file and of the disk in it, against
 * size_max and virtual_size_max. Returns 0, or with why -EINVAL (EXIT_USAGE:
 * a user's own image) or -EIO (EXIT_NODE).
 */
int limits_check_sizes(const struct config *config, const struct image *image, uint64_t file, uint64_t disk,
                       struct failure *why);

/**
 * Claim so many bytes for the machine's disk, the most that it can come to, as
 * the record's `overlay_bytes`, if all machines' together stay within [policy]
 * overlay_max; where that is no limit, too, so that it can become one while
 * machines run. Returns 0, or -EIO with why (EXIT_NODE).
 */
int limits_claim_disk(const struct config *config, struct record *record, uint64_t bytes, struct failure *why);

#endif
