/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That all nodes of a job boot the same image, by its sha256. */
#ifndef WNODES_PLUGIN_DIGEST_H
#define WNODES_PLUGIN_DIGEST_H

#include <slurm/spank.h>
#include <stddef.h>

#include "plugin/job.h"

/* The submit host's digest in the job's control environment, as a prolog sees it. */
#define DIGEST_PROLOG "SPANK_WNODES_DIGEST"

/**
 * In srun, sbatch and salloc: pass the digest on that this host's catalogue
 * has for the job's image; the job keeps it, requeued or not. NULL, or an image
 * without one: nothing is passed on, and each node decides.
 */
void digest_submit(spank_t spank, const char *image);

/**
 * In srun: where it runs on a node of the job, have its steps carry what that
 * node's machine was booted from.
 */
void digest_carry(void);

/**
 * In a task's process: whether this node's machine is what the step carries.
 * Returns 0, or -1 with one line in why[size] that says who has what.
 */
int digest_check(spank_t spank, const struct job *job, char *why, size_t size);

#endif
