/* SPDX-License-Identifier: GPL-2.0-or-later */
/* srun's --input, --output and --error in the guest: what is opened here, what by each task, what is Slurm's. */
#ifndef WNODES_GUEST_REQUEST_STREAMS_H
#define WNODES_GUEST_REQUEST_STREAMS_H

#include "common/queue.h"
#include "common/slurm_options.h"
#include "guest/request.h"

/**
 * Open the files of line's options, or of the variables that stand for them,
 * as descriptors 0 to 2 where they are one file, and put those that each task
 * opens into spec. line keeps what the host's srun is to hear of it. Returns 0,
 * or an exit code with one line in why.
 */
int request_streams(const struct slurm_command *command, struct slurm_line *line, struct queue *spec,
                    char why[REQUEST_WHY_MAX]);

#endif
