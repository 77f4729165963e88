/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site's images: one file images.d/NAME.conf each, wnodes.conf(5). */
#ifndef WNODES_HELPER_IMAGE_CATALOGUE_H
#define WNODES_HELPER_IMAGE_CATALOGUE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/command_names.h"
#include "common/kv.h"
#include "helper/failure.h"

/* Flat: nothing to free. */
struct image {
	char name[65];
	char source[PATH_MAX];                   /* the disk's path */
	char sha256[65];                         /* "" where not given */
	char format[8];                          /* qcow2 or raw */
	char groups[4096];                       /* who may use it, separated by commas; "" is everybody */
	bool cloud_init;                         /* the agent comes through it; else the image has it */
	bool transitional;                       /* virtio devices that drivers before virtio 1.0 know, too */
	char machine[8];                         /* q35 or pc */
	uint64_t memory_min;                     /* bytes */
	char kernel[PATH_MAX], initrd[PATH_MAX]; /* "" where not given */
	char cmdline[KV_VALUE_MAX + 1];
	char commands[COMMAND_NAMES_MAX]; /* of Slurm that work in its machines, as far as the site's policy has them */
};

/** Read a description from stream (errors call it name). Returns 0 or -EIO with why (EXIT_NODE). */
int image_read(struct image *image, FILE *stream, const char *name, struct failure *why);

/**
 * Load the image name of the catalogue; name may be any text. Returns 0,
 * -EINVAL (EXIT_USAGE: not a name, or not in the catalogue), or -EIO
 * (EXIT_NODE: its description is broken) with why.
 */
int image_load(struct image *image, const char *name, struct failure *why);

/**
 * Check the image's files: trusted, regular, readable by everybody; source,
 * kernel and initrd become paths without symlinks. Returns 0 or -EIO with why.
 */
int image_check_files(struct image *image, struct failure *why);

#endif
