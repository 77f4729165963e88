/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of srun --multi-prog, as the host takes it. No I/O. */
#ifndef WNODES_GUEST_REQUEST_MULTIPROG_H
#define WNODES_GUEST_REQUEST_MULTIPROG_H

#include "common/queue.h"

/**
 * Write text (NUL-ended) anew into lines: one line of `RANKS PROGRAM ARGUMENTS`
 * for each, without comments and continued lines. Returns 0, -EINVAL with
 * *line, the number of one that is not such a line, or -ENOMEM.
 */
int request_multiprog(const char *text, struct queue *lines, unsigned int *line);

#endif
