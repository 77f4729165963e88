/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the extern step's slurmstepd, as root: where a job's machine is started. */
#ifndef WNODES_PLUGIN_EXTERN_H
#define WNODES_PLUGIN_EXTERN_H

#include <slurm/spank.h>

/**
 * Where this is the extern step of a job with a machine: tell the helper what
 * Slurm allocated, then, as the job's user, have it start the machine. Always
 * 0: what fails is recorded, and the job's first task reports it.
 */
int extern_task_post_fork(spank_t spank);

#endif
