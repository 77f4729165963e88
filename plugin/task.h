/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In a task before it executes its program, as the job's user. */
#ifndef WNODES_PLUGIN_TASK_H
#define WNODES_PLUGIN_TASK_H

#include <slurm/spank.h>

/**
 * Where the job has a machine on this node, have the task execute wnodes-run,
 * which takes its place. A task that cannot be carried into the machine ends
 * here, with one line and its documented code: it never runs on the host.
 */
int task_init(spank_t spank);

#endif
