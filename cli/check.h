/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper cannot see of a site: Slurm's configuration, as Slurm's commands find it. */
#ifndef WNODES_CLI_CHECK_H
#define WNODES_CLI_CHECK_H

#include "cli/cli.h"

/**
 * Append what is wrong with slurm.conf and the plugin: blocks with `kind`
 * (problem or note) and `message`. spool is slurmd_spool_dir of wnodes.conf,
 * or NULL. Returns the number of problems.
 */
unsigned int check_slurm(struct blocks *blocks, const char *spool);

/** What is needed of `scontrol show config`'s output, in text; as check_slurm(). */
unsigned int check_slurm_config(struct blocks *blocks, const char *text, const char *spool);

#endif
