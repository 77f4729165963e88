/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That all nodes of a job boot the same image, by its sha256. */
#ifndef WNODES_PLUGIN_DIGEST_H
#define WNODES_PLUGIN_DIGEST_H

#include <slurm/spank.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugin/job.h"

/**
 * In srun, sbatch and salloc: pass the digest on that this host's catalogue
 * has for the job's image; the job keeps it, requeued or not. NULL, or an image
 * without one: nothing is passed on, and each node decides. The parts of a
 * heterogeneous job come one after the other.
 */
void digest_submit(spank_t spank, const char *image);

/**
 * In a prolog: what was passed on for this image, into digest[SITE_DIGEST_SIZE].
 * Returns it, or NULL where nothing was. The user may have forged it.
 */
const char *digest_submitted(const char *image, char *digest);

/**
 * In the prolog of the first of a job's nodes, where nothing was passed on and
 * the machine is prepared: say what the others must have.
 */
void digest_announce(const struct job *job);

/**
 * In srun off the job's nodes, once there is an allocation: have the step carry
 * what the job's first node said, where the job has several.
 */
void digest_learn(spank_t spank);

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

/** In a task's process: whether another node of the job has a machine, and which, into node[65]. */
bool digest_is_elsewhere(spank_t spank, const struct job *job, char *node);

#endif
