/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Environment variables that the host's dynamic linker and C library obey. */
#ifndef WNODES_PLUGIN_LOADER_H
#define WNODES_PLUGIN_LOADER_H

#include <slurm/spank.h>

/**
 * Rename the task's LD_* and their like, which are meant for the guest and
 * could keep wnodes-run from starting on the host, with TASKENV_ASIDE before
 * their names; it takes that off again. Returns 0 or -1.
 */
int loader_set_aside(spank_t spank);

#endif
