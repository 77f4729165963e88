/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that fetches one image into the cache, on nobody's account. */
#ifndef WNODES_HELPER_IMAGE_KEEPER_H
#define WNODES_HELPER_IMAGE_KEEPER_H

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"

/**
 * Start the keeper of image, detached, outside every job's cgroup. lock is
 * part_lock()'s, which it takes over; the caller closes its own. Returns 0, or
 * -EIO with why.
 */
int keeper_start(const struct config *config, const struct image *image, int lock, struct failure *why);

#endif
