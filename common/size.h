/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes in bytes. */
#ifndef WNODES_COMMON_SIZE_H
#define WNODES_COMMON_SIZE_H

#include <stdint.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/** How many MiB hold so many bytes. */
static inline uint64_t size_mib_up(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

#endif
