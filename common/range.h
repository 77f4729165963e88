/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of ranges, "0-3,7": CPUs, NUMA nodes, ranks. No I/O. */
#ifndef WNODES_COMMON_RANGE_H
#define WNODES_COMMON_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint32_t first, last;
};

/**
 * Take the next FIRST or FIRST-LAST of the list at *at, which moves behind it,
 * and behind a comma that a number follows. Returns false, and leaves *at,
 * where there is none: at the list's end, whatever ends it, or at what is
 * wrong with it.
 */
bool range_next(const char **at, struct range *range);

#endif
