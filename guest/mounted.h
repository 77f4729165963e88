/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's directories in the guest. */
#ifndef WNODES_GUEST_MOUNTED_H
#define WNODES_GUEST_MOUNTED_H

#include <stdbool.h>

#include "guest/job.h"
#include "guest/unfit.h"

/* What of a job's directories is mounted. Zero-initialise before use. */
struct mounted {
	char **targets;
	size_t count;
	struct unfit unfit; /* why one could not be */
};

/**
 * Mount the job's directories, making the folders for them where they are
 * missing and the kernel's modules are there. Returns whether one of them could not be:
 * unfit then says which.
 */
bool mounted_make(struct mounted *mounted, const struct job *job);

/** Take away what is mounted, the last first, even where it is in use. */
void mounted_undo(struct mounted *mounted);

#endif
