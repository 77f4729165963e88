/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In srun, sbatch and salloc, as the user. */
#ifndef WNODES_PLUGIN_CLIENT_H
#define WNODES_PLUGIN_CLIENT_H

#include <slurm/spank.h>

/**
 * Refuse a bad option before anything is submitted: one line on stderr and
 * exit with EXIT_USAGE. Slurm would turn a failing hook into its own exit
 * code, hence the exit from here. Otherwise prepare what the job and its steps
 * carry. Returns 0.
 */
int client_check_options(spank_t spank);

/**
 * In srun, once there is an allocation. A job of several nodes: its step
 * carries what the first of them booted. --multi-prog of a job with --vm, or of
 * a partition that this host knows to have a default image: wnodes-run goes
 * into the file's text, where slurmstepd's Slurm cannot put it before each
 * task; what cannot be changed is refused on the node. Returns 0.
 */
int client_allocated(spank_t spank);

#endif
