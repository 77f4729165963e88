/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin can know of a job on this node without asking anybody. */
#ifndef WNODES_PLUGIN_JOB_H
#define WNODES_PLUGIN_JOB_H

#include <slurm/spank.h>
#include <stdbool.h>
#include <stdint.h>

struct job {
	uint32_t id;
	const char *node;  /* slurmd's name of this node, owned by the environment */
	char run_dir[256]; /* WNODES_RUNDIR/NODE/JOB */
};

/** Fill job from Slurm's items and environment. Returns 0 or -1 (logged). */
int job_get(spank_t spank, struct job *job);

/** Whether the job has a virtual machine on this node: its run folder is there. One stat(2). */
bool job_has_machine(const struct job *job);

/**
 * As root, where the helper could not: make the job's run folder with a failed
 * state, so that nothing of the job runs on the host; the epilog removes it.
 * One that is there is left as it is. Returns 0 or a negative errno.
 */
int job_refuse(const struct job *job, int code, const char *message);

/** Whether root's folder has a record of the job, of any restart count. For root. */
bool job_has_record(const struct job *job);

#endif
