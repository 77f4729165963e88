/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "guest/log.h"

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define SOON (5 * MILLISECOND)    /* a round trip that leaves nothing to better */
#define COARSE (50 * MILLISECOND) /* of an answer whose way is not known: this much is no delay */
#define ANSWERS_MAX 8U
#define PATIENCE_MS 2000U
#define TICK 10000                            /* microseconds, of a clock at its own rate */
#define TICK_PPB INT64_C(100000)              /* what one more makes of the rate */
#define RATE_MAX (900 * TICK_PPB)             /* the kernel takes somewhat more */
#define LATEST (INT64_C(4102444800) * SECOND) /* the year 2100: what a host says beyond it is no time */

static int64_t now_ns(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* Put the clock forward by so many ns. */
static void put_forward(int64_t by)
{
	int64_t at = now_ns(CLOCK_REALTIME) + by;
	const struct timespec time = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};

	if (clock_settime(CLOCK_REALTIME, &time) < 0)
		agent_log("the clock cannot be set: %s", strerror(errno));
	else
		agent_log("the clock was set: it was %ld ms %s", (long)((by < 0 ? -by : by) / MILLISECOND),
		          by < 0 ? "fast" : "slow");
}

/* Have the clock run faster by so many ns in a second. */
static void change_rate(int64_t by)
{
	struct timex clock = {0};
	int64_t rate;

	if (adjtimex(&clock) < 0)
		return;
	rate = (clock.tick - TICK) * TICK_PPB + clock.freq * INT64_C(1000) / 65536 + by;
	if (rate > RATE_MAX || rate < -RATE_MAX)
		rate = rate < 0 ? -RATE_MAX : RATE_MAX;
	clock = (struct timex){.modes = ADJ_TICK | ADJ_FREQUENCY,
	                       .tick = (long)(TICK + rate / TICK_PPB),
	                       .freq = (long)(rate % TICK_PPB * 65536 / 1000)};
	if (adjtimex(&clock) < 0)
		agent_log("the clock's rate cannot be changed: %s", strerror(errno));
	else
		agent_log("the clock's rate was changed by %ld ppm: it drifted", (long)(by / 1000));
}

static void finish(struct clock_check *check)
{
	int64_t error = (int64_t)check->round_trip / 2, tolerance = check->tolerance * MILLISECOND, rate;
	struct clock_check next = {.drift = check->drift, .look_at = check->look_at};

	/* at the start half a round trip is the best there is; later it is no reason to set a clock */
	if (check->tolerance != CLOCK_START_MS)
		tolerance += error;
	if (check->answers > 0) {
		rate = drift_look(&next.drift, now_ns(CLOCK_MONOTONIC), check->ahead, error);
		if (rate != 0) {
			change_rate(rate);
			tolerance = error;
		}
		next.look_at = next.drift.wait ? agent_now() + next.drift.wait * UINT64_C(1000) : 0;
		if (check->ahead > tolerance || check->ahead < -tolerance) {
			put_forward(check->ahead);
			drift_put_forward(&next.drift, check->ahead);
		}
	}
	*check = next;
}

void clock_check_begin(struct clock_check *check, unsigned int tolerance)
{
	if (check->running && check->tolerance <= tolerance)
		return;
	*check = (struct clock_check){.running = true,
	                              .ask = true,
	                              .tolerance = tolerance,
	                              .until = agent_now() + PATIENCE_MS,
	                              .drift = check->drift};
}

uint64_t clock_check_question(struct clock_check *check)
{
	check->ask = false;
	check->sent = (uint64_t)now_ns(CLOCK_MONOTONIC) | 1;
	return check->sent;
}

void clock_check_answer(struct clock_check *check, uint64_t number, uint64_t host)
{
	int64_t ahead, round_trip;

	if (host > (uint64_t)LATEST)
		return;
	ahead = (int64_t)host - now_ns(CLOCK_REALTIME);
	if (number == 0) {
		if (ahead > COARSE || ahead < -COARSE)
			put_forward(ahead);
		check->drift = (struct drift){0}; /* it stood still */
		clock_check_begin(check, CLOCK_START_MS);
		return;
	}
	if (number != check->sent)
		return;
	round_trip = now_ns(CLOCK_MONOTONIC) - (int64_t)check->sent;
	check->sent = 0;
	if (check->answers++ == 0 || (uint64_t)round_trip < check->round_trip) {
		check->round_trip = (uint64_t)round_trip;
		check->ahead = ahead + round_trip / 2;
	}
	if (round_trip <= SOON || check->answers >= ANSWERS_MAX)
		finish(check);
	else
		check->ask = true;
}

void clock_check_tick(struct clock_check *check, uint64_t now)
{
	if (check->running && now >= check->until)
		finish(check);
	else if (!check->running && check->look_at && now >= check->look_at)
		clock_check_begin(check, CLOCK_KEEP_MS);
}

uint64_t clock_check_due(const struct clock_check *check)
{
	return check->running ? check->until : check->look_at;
}
