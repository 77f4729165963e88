/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site's images: one file images.d/NAME.conf each, wnodes.conf(5). */
#ifndef WNODES_HELPER_IMAGE_CATALOGUE_H
#define WNODES_HELPER_IMAGE_CATALOGUE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/command_names.h"
#include "common/disk_option.h"
#include "common/kv.h"
#include "helper/config_disk.h"
#include "helper/failure.h"

#define IMAGE_SOURCES 4096U
#define IMAGE_LIST 4096U /* bytes of a list of names */

/* Flat: nothing to free. */
struct image {
	char name[65];     /* as it was asked for */
	char entry[65];    /* of the entry that describes it: name, or what it is an alias of */
	unsigned int keys; /* that its entry has */
	struct image_lines {
		int section, alias, source, boot,
		        disk;                /* boot: of initrd or cmdline; disk: of disk_mode or disk_modes */
	} lines;                             /* of its entry; 0: not given */
	char alias[65];                      /* "" where the entry is none; image_load() follows it */
	char sources[IMAGE_SOURCES];         /* URLs, separated by a blank; "" where source is used where it lies */
	char source[PATH_MAX];               /* the disk's path; of an image with sources, once it is in the cache */
	char sha256[65];                     /* of the image as it boots; "" where not given */
	uint64_t size_max, virtual_size_max; /* bytes; 0: [fetch]'s */
	char format[8];                      /* qcow2 or raw */
	char groups[IMAGE_LIST];             /* who may use it, separated by commas; "" is everybody */
	bool cloud_init;                     /* the agent comes through it; else the image has it */
	bool console_virtio;                 /* the console is hvc0; else ttyS0 */
	bool transitional;                   /* virtio devices that drivers before virtio 1.0 know, too */
	char machine[8];                     /* q35 or pc */
	uint64_t memory_min;                 /* bytes */
	char kernel[PATH_MAX], initrd[PATH_MAX]; /* "" where not given */
	char cmdline[KV_VALUE_MAX + 1];
	char commands[COMMAND_NAMES_MAX]; /* of Slurm that work in its machines, as far as the site's policy has them */

	/* who may use it, besides groups (helper/image/access.h); separated by commas, "" is no rule */
	char users[IMAGE_LIST], accounts[IMAGE_LIST], partitions[IMAGE_LIST];
	bool own; /* a file of the job's user, in no catalogue (helper/image/own.h) */

	char disk_mode[DISK_WORD_SIZE];     /* of a job that says none; "": the site's */
	char disk_modes[CONFIG_DISK_MODES]; /* of the site's, those that jobs may ask for; "": all */
	uint64_t disk_size;                 /* bytes of a job's disk that says no size; 0: the base's */
};

/** Whether text names an image: NAME or NAME:TAG. */
bool image_is_name(const char *text);

/** Whether the node keeps a verified copy of the image in its cache, rather than use it where it lies. */
static inline bool image_is_cached(const struct image *image)
{
	return image->sources[0] != 0;
}

/** Set the defaults of an entry. */
void image_init(struct image *image);

/** Read a description from stream (errors call it name). Returns 0 or -EIO with why (EXIT_NODE). */
int image_read(struct image *image, FILE *stream, const char *name, struct failure *why);

/**
 * Load the image name (NAME or NAME:TAG) of the catalogue, or what it is an
 * alias of; name may be any text. Returns 0,
 * -EINVAL (EXIT_USAGE: not a name, or not in the catalogue), or -EIO
 * (EXIT_NODE: its description is broken) with why.
 */
int image_load(struct image *image, const char *name, struct failure *why);

/**
 * Check the image's files: trusted, regular, readable by everybody; source
 * (unless it is the cache's), kernel and initrd become paths without symlinks. Returns 0 or -EIO with why.
 */
int image_check_files(struct image *image, struct failure *why);

#endif
