/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a download is: a bar that is drawn over itself on a terminal, else lines now and then. */
#ifndef WNODES_CLI_PROGRESS_H
#define WNODES_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kv.h"

#define PROGRESS_TEXT 96U

/* Zero-initialise but for name. */
struct progress {
	const char *name; /* the image's */
	bool terminal;    /* standard error is one */
	bool drawn;       /* a bar stands on the terminal's last line */
	int64_t said;     /* when the last line was, in seconds of CLOCK_MONOTONIC; 0: none yet */
};

/** "37 %, 112M/s, 41 s left" of a block with `state`, `total`, `transferred` and `rate` into text[PROGRESS_TEXT]. */
void progress_text(const struct kv *block, char *text);

/** A bar of 24 characters for a block's share that is transferred, into bar[25]; "" where the total is not known. */
void progress_bar(const struct kv *block, char *bar);

/** Show the block on standard error. */
void progress_show(struct progress *progress, const struct kv *block);

/** Take the bar away. */
void progress_end(struct progress *progress);

#endif
