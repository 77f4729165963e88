/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image that a job was submitted with, found again on this node. */
#ifndef WNODES_HELPER_IMAGE_DIGEST_H
#define WNODES_HELPER_IMAGE_DIGEST_H

#include "helper/failure.h"
#include "helper/image/catalogue.h"

/**
 * Load the entry that this node's catalogue has under name with that digest:
 * name itself or, where name has no tag, any NAME:TAG. image->name is name,
 * image->entry which entry it is. Nothing else is ever chosen by a digest.
 * Returns 0; -EIO (EXIT_NODE: this node has others, and which) or
 * image_load()'s errors with why. node is its name, for the message.
 */
int image_find_digest(struct image *image, const char *name, const char *digest, const char *node, struct failure *why);

#endif
