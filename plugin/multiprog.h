/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * srun --multi-prog, which no SPANK item tells. Up to Slurm 23.02 slurmstepd
 * builds the tasks' arguments of the file's text before any hook, so srun has to
 * put wnodes-run into the text.
 */
#ifndef WNODES_PLUGIN_MULTIPROG_H
#define WNODES_PLUGIN_MULTIPROG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Whether a step's argv is that of srun --multi-prog, {file, its text, …}:
 * argv[1] has a line for this rank as the file has, and argv[0] is that file,
 * or at least no program.
 */
bool multiprog_is(int argc, char *const *argv, uint32_t rank);

/** Whether srun has just read argv[1] from the file argv[0], as with --multi-prog. */
bool multiprog_is_read(int argc, char *const *argv);

/** Whether config, the text of a --multi-prog file, has a line for this rank. */
bool multiprog_names(const char *config, uint32_t rank);

/**
 * The text of a --multi-prog file with `program --` before each line's own
 * program, comments left out and continued lines joined; from malloc. NULL
 * where the text is not understood, a line becomes too long for Slurm, or
 * there is no memory.
 */
char *multiprog_wrap(const char *text, const char *program);

/** Whether every line of text begins with ranks and `program --`: whatever rank it is, it executes program. */
bool multiprog_is_wrapped(const char *text, const char *program);

#endif
