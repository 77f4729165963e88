/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Killing what is left in the machine's cgroup. */
#ifndef WNODES_MONITOR_CGROUP_H
#define WNODES_MONITOR_CGROUP_H

#include <stdbool.h>

/** Whether this process is in the cgroup with that folder. */
bool cgroup_holds_me(const char *folder);

/**
 * SIGKILL every process of the cgroup but this one, and reap the own
 * children, until none is left or so many seconds have passed. Returns how
 * many are left, or a negative errno where the cgroup cannot be read.
 */
int cgroup_kill(const char *folder, unsigned int seconds);

#endif
