/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks in milliseconds, and a bounded nap for loops that wait. */
#ifndef WNODES_COMMON_CLOCK_H
#define WNODES_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

/** Milliseconds since the epoch, for what people read. */
static inline uint64_t clock_wall(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/** Milliseconds that never step back, for deadlines. */
static inline uint64_t clock_steady(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static inline void clock_nap(uint64_t ms)
{
	struct timespec nap = {.tv_sec = (time_t)(ms / 1000U), .tv_nsec = (long)(ms % 1000U) * 1000000L};

	(void)nanosleep(&nap, NULL);
}

#endif
