/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/drift.h"

#include <math.h>

#define MILLISECOND INT64_C(1000000)
#define LEAP 0.1      /* a clock that seems to run so wrong has been set by somebody */
#define WAIT_FIRST 1U /* seconds; each wait is twice the one before */
#define WAIT_MAX 8U

static void begin_at(struct drift *drift, int64_t at, int64_t ahead, int64_t error)
{
	drift->at = at;
	drift->ahead = ahead;
	drift->error = error;
	drift->wait = WAIT_FIRST;
}

int64_t drift_look(struct drift *drift, int64_t at, int64_t ahead, int64_t error)
{
	double unsure = (double)(error + drift->error + MILLISECOND);
	double grown = (double)(ahead - drift->ahead), elapsed = (double)(at - drift->at);
	double rate, suspected = drift->suspected;

	if (!drift->at || elapsed <= 0 || fabs(grown) > elapsed * LEAP) {
		drift->suspected = 0;
		begin_at(drift, at, ahead, error);
		return 0;
	}
	if (fabs(grown) > unsure) {
		rate = grown / elapsed;
		drift->suspected = rate;
		begin_at(drift, at, ahead, error);
		return suspected != 0 ? (int64_t)(rate * 1e9) : 0;
	}
	if (fabs(suspected) * elapsed > 2 * unsure)
		drift->suspected = 0; /* it would have been seen again by now */
	if (error < drift->error / 4) {
		drift->at = at;
		drift->ahead = ahead;
		drift->error = error;
	}
	drift->wait = drift->wait < WAIT_MAX ? drift->wait * 2 : 0;
	return 0;
}

void drift_put_forward(struct drift *drift, int64_t by)
{
	drift->ahead -= by;
}
