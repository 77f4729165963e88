/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In job_prolog and job_epilog, as root. */
#ifndef WNODES_PLUGIN_SCRIPT_H
#define WNODES_PLUGIN_SCRIPT_H

#include <slurm/spank.h>

/**
 * Have the helper prepare the machine of a job that asks for one, or is in a
 * partition with a default image. A failing prolog would drain the node, so a
 * failure is recorded, and the job's first task reports it. Returns -1 only
 * where not even that can be done.
 */
int script_prolog(spank_t spank);

/**
 * Have the helper remove all that the job had on this node. Returns -1, which
 * drains the node, only where something could not be removed.
 */
int script_epilog(spank_t spank);

#endif
