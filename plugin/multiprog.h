/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling srun --multi-prog, which no SPANK item tells. */
#ifndef WNODES_PLUGIN_MULTIPROG_H
#define WNODES_PLUGIN_MULTIPROG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Whether a step's argv is that of srun --multi-prog, {file, its text, …}:
 * argv[1] has a line for this rank as the file has, and argv[0] is that file,
 * or at least no program. Up to Slurm 23.02 such a task's own argv is built
 * elsewhere and cannot be replaced, so it would run on the host.
 */
bool multiprog_is(int argc, char *const *argv, uint32_t rank);

/** Whether config, the text of a --multi-prog file, has a line for this rank. */
bool multiprog_names(const char *config, uint32_t rank);

#endif
