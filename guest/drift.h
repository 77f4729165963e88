/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast the guest's clock runs, told from looks at how far it is off. A
 * kernel that measured its CPU's counter on a busy host may be wrong by per
 * cents for as long as it runs.
 */
#ifndef WNODES_GUEST_DRIFT_H
#define WNODES_GUEST_DRIFT_H

#include <stdint.h>

struct drift {
	int64_t at;        /* CLOCK_MONOTONIC, ns, of the look that later ones are held against; 0: there is none */
	int64_t ahead;     /* by how much the host was ahead then, ns */
	int64_t error;     /* that is known to so many ns */
	double suspected;  /* what the host's clock gains, ns for each ns; 0: nothing is known to be wrong */
	unsigned int wait; /* seconds until the next look should be; 0: there is no hurry */
};

/**
 * Take a look: at the time at (ns of CLOCK_MONOTONIC) the host was ahead by
 * ahead ns, which is known to error ns. Says in wait when the next is due.
 * Returns by how many ns in a second the clock must run faster; 0: that is not
 * known, or right as it is. One leap of the clock is no reason to change that.
 */
int64_t drift_look(struct drift *drift, int64_t at, int64_t ahead, int64_t error);

/** The clock was put forward by so many ns since the last look. */
void drift_put_forward(struct drift *drift, int64_t by);

#endif
