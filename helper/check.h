/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What check looks at: each part says all that is wrong with it, a block a finding. */
#ifndef WNODES_HELPER_CHECK_H
#define WNODES_HELPER_CHECK_H

#include <stdbool.h>

#include <sys/types.h>

#include "helper/config.h"
#include "helper/image/catalogue.h"

struct check {
	const struct config *config; /* as far as it could be read */
	bool deep;
	bool cached; /* an image is one that the cache keeps */
	unsigned int problems;
	const char *said; /* of wnodes.conf as a whole */
};

#define CHECK_NOBODY 65534U /* as whom programs are tried */

/** Say something that jobs would fail of. */
void check_problem(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Say something that may be meant so. */
void check_note(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Each entry of the catalogue, and what it names. */
void check_images(struct check *check);

/** What an image's base in the cache is like, if it is there; with check->deep its digest, too. */
void check_base(struct check *check, const struct image *image);

/** The names in a list of users, or of groups, that this node does not know; where says whose list it is. */
void check_users(struct check *check, const char *where, const char *list);
void check_groups(struct check *check, const char *where, const char *list);

/** Programs, folders and devices of this node. */
void check_node(struct check *check);

/** Whether machines can have the disks of [disk] on this node. */
void check_disks(struct check *check);

/** Where machines get block devices from. */
void check_devices(struct check *check);

/** The PCI devices of [device]. */
void check_pci(struct check *check);

/** What of the node's hardware could not be restored after a job. */
void check_leases(struct check *check);

/** Whether an image's entry and [disk] go together. */
void check_disk_of_image(struct check *check, const struct image *image);

/** Whether machines can have the networks of wnodes.conf on this node. */
void check_networks(struct check *check);

/** What fetching takes, where an image needs it. */
void check_cache(struct check *check);

/** A program that root, or a job's user, executes; what is its name in wnodes.conf, or "". */
void check_program(struct check *check, const char *path, const char *what, bool setuid);

/**
 * A folder of ours: no bit of its mode is forbidden, all needed ones are
 * there. It is made where it is missing when it is needed first: then its
 * parent counts. Whether it is there and trusted.
 */
bool check_folder(struct check *check, const char *path, const char *what, mode_t forbidden, mode_t needed);

/** Room in a folder. */
void check_space(struct check *check, const char *path);

#endif
