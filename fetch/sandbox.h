/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left to whoever breaks us: one verb's own calls, and little of the machine. */
#ifndef WNODES_FETCH_SANDBOX_H
#define WNODES_FETCH_SANDBOX_H

#include <stdint.h>

#include "fetch/fault.h"

#define SANDBOX_KEEP 2U /* descriptors beside 0 to 2 */

struct sandbox {
	int keep[SANDBOX_KEEP]; /* -1: none */
	uint64_t file_max;      /* bytes that a file may grow to */
	unsigned int seconds;   /* until SIGALRM writes the line of report_prepare() and ends us with EXIT_NODE */
};

/**
 * Refuse to run as root or with capabilities; then for good: no new
 * privileges, no environment, no descriptor but 0 to 2 and keep, limits on
 * memory and files, and death with the parent. Returns 0, or -EIO with fault.
 */
int sandbox_enter(const struct sandbox *sandbox, struct fault *fault);

/**
 * For the child that becomes program: filter_program(), short limits, and death
 * with its parent. Returns 0 or a negative errno.
 */
int sandbox_program(const char *program);

#endif
