/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pausing the machine with its job: Slurm freezes the cgroups of a suspended
 * job's steps, the extern step's among them, but not the machine's. While the
 * extern step's is frozen, the machine stands still.
 */
#ifndef WNODES_MONITOR_PAUSE_H
#define WNODES_MONITOR_PAUSE_H

#include <stdbool.h>

#include "monitor/owner.h"

/**
 * Whether the file fd says "frozen": freezer.state of cgroup v1 or
 * cgroup.freeze of v2. One whose cgroup has gone says it is not.
 */
bool pause_is_frozen(int fd);

/** Open the machine's freezer; before its mount namespace hides it. A failure is logged: the machine is not paused. */
void pause_open(struct owner *owner);

/**
 * Look at the machine's freezer once a second, in libvirt's event loop, and
 * pause and resume owner->domain by it. Returns 0, or -EIO without a timer.
 */
int pause_watch(struct owner *owner);

#endif
