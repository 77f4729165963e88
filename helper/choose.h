/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a job gets a machine, and of which image: what it said, its partition's default, or a file of its user. */
#ifndef WNODES_HELPER_CHOOSE_H
#define WNODES_HELPER_CHOOSE_H

#include <stdbool.h>

#include "helper/args.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/**
 * Whether prepare has something to do for a job with these arguments: false
 * only where it said nothing of a machine, or `none`, and its partition lets
 * it have none, or the job is root's. Where the configuration cannot be read, it has.
 */
bool choose_is_wanted(const struct args *args);

/**
 * Choose the job's image and load it: the record's `image` (what was said, or
 * the partition's default), and what tells it again: `image_entry` and
 * `digest`, or `image_own=yes`. Returns 0, or with why -EINVAL (EXIT_USAGE),
 * -EACCES (EXIT_DENIED) or -EIO (EXIT_NODE).
 */
int choose_image(const struct config *config, const struct args *args, struct kv *record, struct image *image,
                 struct failure *why);

/** Load the image that choose_image() chose. Returns as choose_image(). */
int choose_again(const struct config *config, const struct kv *record, struct image *image, struct failure *why);

#endif
