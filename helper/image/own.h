/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user's own image: a file that he names by its path, where the site's
 * policy lets him. Root neither resolves the path nor opens the file: a child
 * with the rights of the job's user does, here for its size, and in the
 * monitor for QEMU.
 */
#ifndef WNODES_HELPER_IMAGE_OWN_H
#define WNODES_HELPER_IMAGE_OWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/** Whether what --vm says is a file rather than a name of the catalogue. */
bool image_is_own(const char *text);

/**
 * Make image what the file at path is to the site: its format is that of its
 * suffix, .qcow2 or .raw, whatever its content; no kernel of its own, and the
 * agent and Slurm's commands that the site gives such images. The file is not
 * looked at. Returns 0, or -EINVAL with why (EXIT_USAGE).
 */
int image_own(struct image *image, const struct config *config, const char *path, struct failure *why);

/** The job's user's groups, of whom he may read the file, into gids[NGROUPS_MAX]; their number. */
size_t image_own_groups(const struct record *record, gid_t *gids);

/**
 * The bytes of the file and of the disk in it, as the job's user finds them
 * within 15 s; a qcow2 that leads to other files is refused. Returns 0,
 * -EINVAL (EXIT_USAGE: the file is missing, not his to read, or no such image)
 * or -EIO (EXIT_NODE) with why.
 */
int image_own_size(const struct image *image, const struct record *record, uint64_t *file, uint64_t *disk,
                   struct failure *why);

#endif
