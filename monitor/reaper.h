/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reaper: root, parent of all that the machine is made of. It starts the
 * owner, writes down what that one says, and when the owner is gone kills
 * what is left in the machine's cgroup.
 */
#ifndef WNODES_MONITOR_REAPER_H
#define WNODES_MONITOR_REAPER_H

#include "monitor/machine.h"

/**
 * Run the machine to its end. The caller holds the job's lock, is in the
 * machine's cgroup, and has no other children or threads. lock is the lock's
 * descriptor, which no other process shall hold. Returns 0, or a negative
 * errno: -EBUSY where processes are left in the cgroup.
 */
int reaper_run(const struct machine *machine, int lock);

#endif
