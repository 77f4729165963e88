/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In srun, sbatch and salloc, as the user. */
#ifndef WNODES_PLUGIN_CLIENT_H
#define WNODES_PLUGIN_CLIENT_H

/**
 * Refuse a bad option before anything is submitted: one line on stderr and
 * exit with EXIT_USAGE. Slurm would turn a failing hook into its own exit
 * code, hence the exit from here. Returns 0 where all is well.
 */
int client_check_options(void);

#endif
