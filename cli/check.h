/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper cannot see of a site: Slurm's configuration, as Slurm's commands find it. */
#ifndef WNODES_CLI_CHECK_H
#define WNODES_CLI_CHECK_H

#include "cli/cli.h"

/* What of wnodes.conf is compared with slurm.conf. */
struct check_site {
	char spool[512];          /* slurmd_spool_dir; "" where not known */
	struct blocks partitions; /* the sections [partition NAME], each a block with its name as `message` */
};

/**
 * Append what is wrong with slurm.conf and the plugin: blocks with `kind`
 * (problem or note) and `message`. Returns the number of problems.
 */
unsigned int check_slurm(struct blocks *blocks, const struct check_site *site);

/** What is needed of `scontrol show config`'s output, in text; as check_slurm(); spool may be NULL. */
unsigned int check_slurm_config(struct blocks *blocks, const char *text, const char *spool);

/** Note each of partitions that `scontrol -o show partition`'s output, text, does not have. */
void check_slurm_partitions(struct blocks *blocks, const char *text, const struct blocks *partitions);

#endif
