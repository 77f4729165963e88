/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's disk. Each kind is a file here with one struct of functions. */
#ifndef WNODES_HELPER_DISK_DISK_H
#define WNODES_HELPER_DISK_DISK_H

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

extern const struct disk_ops disk_overlay;

/** The kind of that name, NULL where there is none. */
const struct disk_ops *disk_find(const char *kind);

#endif
