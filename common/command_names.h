/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of Slurm that may work in a machine, as lists of names separated by commas. */
#ifndef WNODES_COMMON_COMMAND_NAMES_H
#define WNODES_COMMON_COMMAND_NAMES_H

#include <stdbool.h>

#define COMMAND_NAMES "srun,sbatch,scancel,squeue,sinfo,scontrol,sbcast,sattach,sacct"
#define COMMAND_NAMES_MAX 128U /* bytes of a list, its NUL included */

/** Whether list has that name. */
bool command_names_have(const char *list, const char *name);

/**
 * Read what a configuration says, `yes`, `no` or a list of names (blanks are
 * left out), into list. Returns 0, or -EINVAL for anything else.
 */
int command_names_parse(const char *text, char list[COMMAND_NAMES_MAX]);

/** What both a and b have, into list; "" where that is nothing. */
void command_names_both(const char *a, const char *b, char list[COMMAND_NAMES_MAX]);

/** Take a list apart: the next name of *list into name, *list behind it. False at the end, or at a name too long. */
bool command_names_next(const char **list, char name[COMMAND_NAMES_MAX]);

#endif
