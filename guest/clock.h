/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clock, set by the host's: its own comes from the machine's RTC
 * in whole seconds, stands still while the machine is paused, and may run at a
 * wrong rate. The agent asks for the time, takes half the round trip for the
 * answer's way, and asks again where that took long. What two looks say of the
 * clock's rate mends that (adjtimex(2)).
 */
#ifndef WNODES_GUEST_CLOCK_H
#define WNODES_GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/drift.h"

#define CLOCK_START_MS 3U  /* tolerance when a job begins, or goes on */
#define CLOCK_KEEP_MS 100U /* and while it runs */

struct clock_check {
	bool running;  /* the clock is not yet known to be right */
	bool ask;      /* a question is to be sent */
	uint64_t sent; /* the question's number: CLOCK_MONOTONIC in ns; 0: none is under way */
	unsigned int answers;
	uint64_t round_trip;    /* of the best answer, ns */
	int64_t ahead;          /* what that answer says the host is ahead by, ns */
	unsigned int tolerance; /* ms */
	uint64_t until;         /* agent_now() when the best answer has to do */
	struct drift drift;     /* these two outlive the check */
	uint64_t look_at;       /* agent_now() when to look again without being told to; 0: never */
};

/** Begin to ask; a clock that is off by no more than tolerance ms is left alone. Nothing where it has begun. */
void clock_check_begin(struct clock_check *check, unsigned int tolerance);

/** The payload of the question that is now to be sent: its number, never 0. */
uint64_t clock_check_question(struct clock_check *check);

/**
 * Take the host's CLOCK frame: the number of the question, and its
 * CLOCK_REALTIME in ns. Number 0 was not asked for: the machine has been
 * paused. Sets the guest's clock where it is wrong.
 */
void clock_check_answer(struct clock_check *check, uint64_t number, uint64_t host);

/** End where the time for asking is over; begin where it is time for a look. now: agent_now(). */
void clock_check_tick(struct clock_check *check, uint64_t now);

/** agent_now() when clock_check_tick() has something to do; 0: never. */
uint64_t clock_check_due(const struct clock_check *check);

#endif
