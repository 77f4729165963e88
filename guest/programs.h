/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What srun --multi-prog executes: lines of `RANKS PROGRAM ARGUMENTS`, as Slurm reads them. No I/O. */
#ifndef WNODES_GUEST_PROGRAMS_H
#define WNODES_GUEST_PROGRAMS_H

#include <stdint.h>

/**
 * Check lines (of request_multiprog()). Returns 0 with *tasks, one more than the
 * highest rank there is, 0 where there is but `*`; or -EINVAL with *line, the
 * number of one that is not right.
 */
int programs_check(const char *lines, uint32_t *tasks, unsigned int *line);

/**
 * The program and the arguments of the task rank: one piece from malloc, its
 * pointers ended by NULL. Returns 0, -ENOENT where no line has that rank,
 * -EINVAL, or -ENOMEM.
 */
int programs_choose(const char *lines, uint32_t rank, char ***argv);

#endif
