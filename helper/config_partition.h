/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [partition NAME] of wnodes.conf: what jobs of a partition of Slurm's get. */
#ifndef WNODES_HELPER_CONFIG_PARTITION_H
#define WNODES_HELPER_CONFIG_PARTITION_H

#include <stdbool.h>

#include "helper/config.h"
#include "helper/ini_file.h"

/** The name of a partition's section (`partition NAME`), NULL where it is another section. */
const char *config_partition_section(const char *section);

/** Begin the section of partition name. NULL, or what is wrong with it. */
const char *config_partition_begin(struct config *config, struct ini_file *file, const char *name);

/** Take a key of the section that was begun last. NULL, or what is wrong with it. */
const char *config_partition_take(struct config *config, struct ini_file *file, const char *key, const char *value);

/** The partition's section; NULL where there is none, or name is NULL. */
const struct config_partition *config_partition(const struct config *config, const char *name);

/** Whether jobs of this partition, which has a default image, may have none (--vm=none). */
bool config_partition_allows_none(const struct config *config, const struct config_partition *partition);

#endif
