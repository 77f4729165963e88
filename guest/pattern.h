/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patterns in names of srun's files, as Slurm has them. No I/O. */
#ifndef WNODES_GUEST_PATTERN_H
#define WNODES_GUEST_PATTERN_H

#include <stddef.h>

/* When all of a name is known. */
enum pattern_scope {
	PATTERN_JOB,  /* already: it is one file */
	PATTERN_STEP, /* with the step's number, that Slurm will give it: one file, too */
	PATTERN_TASK, /* by each task or node for itself */
};

enum pattern_scope pattern_scope(const char *name);

/** The value of the variable of Slurm's, or of USER; NULL: it has none. */
typedef const char *(*pattern_lookup)(const void *context, const char *variable);

/**
 * Put the values that lookup(context, …) tells in for name's patterns, into
 * path[size]. What is no pattern stays; with a backslash in it the name has
 * none, and loses the backslashes. Returns 0, or -ENAMETOOLONG.
 */
int pattern_expand(const char *name, pattern_lookup lookup, const void *context, char *path, size_t size);

#endif
