/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's disk. Each kind is a file here with one struct of functions. */
#ifndef WNODES_HELPER_DISK_DISK_H
#define WNODES_HELPER_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/* What a disk is made from; everything is the caller's. */
struct disk_request {
	const struct config *config;
	const struct image *image; /* its files checked */
	struct record *record;
	uid_t uid; /* the job's user and primary group */
	gid_t gid;
	uint64_t size;        /* bytes that the job asks for; 0: the base's */
	const char *prealloc; /* off, metadata, falloc or full */
};

/* In bytes: of the base's file, of the disk in it, and of the machine's disk, at least as large. */
struct disk_sizes {
	uint64_t file, base, disk;
};

/* What the machine description says of a disk. */
struct disk_file {
	const char *kind;   /* of struct disk_ops */
	const char *format; /* qcow2 or raw */
	const char *type;   /* file or block */
	bool has_base;      /* it lies over the image, which QEMU opens, too */
};

struct disk_ops {
	const char *kind; /* of `--vm-disk`, of `disk.kind=` and of the journal's line */

	/**
	 * Make the disk (journalled first) and add the machine description's
	 * lines. Bounded. Returns 0 or a negative errno with why.
	 */
	int (*make)(const struct disk_request *request, struct kv *machine, struct failure *why);

	/** Undo the journal's line with this argument; 0, also where it is not there, or a negative errno. */
	int (*remove)(const char *argument);
};

extern const struct disk_ops disk_overlay, disk_snapshot, disk_raw, disk_block;

/** The kind of that name, NULL where there is none. */
const struct disk_ops *disk_find(const char *kind);

/**
 * The size of the image, checked against the site's limits of images, and of
 * the disk that the request's size makes of it, a multiple of 512, against
 * [disk] size_max. Returns 0, or with why -EINVAL (EXIT_USAGE: a size below
 * the base's, a user's own image) or -EIO (EXIT_NODE).
 */
int disk_measure(const struct disk_request *request, struct disk_sizes *sizes, struct failure *why);

/** Add the machine description's lines of the disk at path. Returns 0 or -EIO with why (EXIT_NODE). */
int disk_describe(const struct disk_request *request, const struct disk_file *disk, const char *path,
                  struct kv *machine, struct failure *why);

#endif
