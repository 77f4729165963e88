/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wnodes fetch --json IMAGE` on many nodes, through Slurm. */
#ifndef WNODES_CLI_FANOUT_H
#define WNODES_CLI_FANOUT_H

#include "cli/nodes.h"

struct fanout {
	const char *image;
	const char *partition; /* to submit to; NULL: Slurm's default */
	const char *program;   /* wnodes' path on the nodes */
	unsigned int seconds;  /* Slurm gets to start an srun */
	unsigned int minutes;  /* a node gets then */
	bool terminal;         /* say on standard error how many have answered */
};

/**
 * One srun with a task on each node that is up; where not all of them answer,
 * an srun for each of the others. Every node ends with an answer, or with
 * why it has none. Bounded by seconds and minutes, for the one srun and then for the others.
 * Returns 0 or a negative errno.
 */
int fanout(const struct fanout *fanout, struct nodes *nodes);

#endif
