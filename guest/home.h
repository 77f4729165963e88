/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WNODES_GUEST_HOME_H
#define WNODES_GUEST_HOME_H

#include "guest/job.h"

/**
 * Make the job's home in the guest where it is missing: empty, the user's,
 * 0700, below folders of root's. /nonexistent, which says that there is none,
 * is not made. What cannot be done is logged.
 */
void home_make(const struct job *job);

#endif
