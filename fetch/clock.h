/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Milliseconds that never step back, and a nap. */
#ifndef WNODES_FETCH_CLOCK_H
#define WNODES_FETCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_steady(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

static inline void clock_nap(uint64_t ms)
{
	struct timespec nap = {.tv_sec = (time_t)(ms / 1000U), .tv_nsec = (long)(ms % 1000U) * 1000000L};

	(void)nanosleep(&nap, NULL);
}

#endif
