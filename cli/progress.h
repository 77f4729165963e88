/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a download is: a bar that is drawn over itself on a terminal, else lines now and then. */
#ifndef WNODES_CLI_PROGRESS_H
#define WNODES_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kv.h"

#define PROGRESS_BAR 24U /* characters */

/* Zero-initialise but for terminal. */
struct progress {
	bool terminal; /* standard error is one */
	bool drawn;    /* a bar stands on the terminal's last line */
	int64_t said;  /* when the last line was, in seconds of CLOCK_MONOTONIC; 0: none yet */
};

/**
 * A bar for the share `transferred` of a block's `total`, into
 * bar[PROGRESS_BAR + 1]; "" where it is not known, or `state` is verifying.
 */
void progress_bar(const struct kv *block, char *bar);

/** Show a block's `message` on standard error. */
void progress_show(struct progress *progress, const struct kv *block);

/** Take the bar away. */
void progress_end(struct progress *progress);

#endif
