/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine description: all that the monitor is told, a kv file in the record's folder. */
#ifndef WNODES_HELPER_MACHINE_H
#define WNODES_HELPER_MACHINE_H

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/**
 * Add to machine what the record, the configuration and the image say; disk
 * and network add their own lines. Returns 0 or -EIO with why.
 */
int machine_describe(const struct record *record, const struct config *config, const struct image *image,
                     struct kv *machine, struct failure *why);

#define MACHINE_HOSTNAME_MAX 63U /* bytes; a label's of DNS */

/**
 * Expand pattern (config_is_hostname()) into hostname[MACHINE_HOSTNAME_MAX + 1]:
 * %n is the node's name, cut where the whole would be too long, %j the job's
 * number. Returns 0 or -ENAMETOOLONG.
 */
int machine_hostname(const char *pattern, const char *node, uint32_t job, char *hostname);

/** The folder that record's paths in the description begin with, into path[PATH_MAX]; 0 or -ENAMETOOLONG. */
int machine_record_path(const struct record_id *id, const char *file, char *path);

#endif
