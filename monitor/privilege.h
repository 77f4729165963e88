/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Becoming the job's user for good. */
#ifndef WNODES_MONITOR_PRIVILEGE_H
#define WNODES_MONITOR_PRIVILEGE_H

#include <sys/types.h>

#include "monitor/machine.h"

/**
 * Take the job's groups, gid and uid for good, undumpable, and die with
 * parent from then on. For a process of one thread, before it executes
 * another program or opens what the user names. Returns 0 or a negative
 * errno: -EPERM where root could be regained, -ESRCH where parent is gone.
 * After an error the process must end.
 */
int privilege_become_user(const struct machine *machine, pid_t parent);

/**
 * Take the job's groups, gid and uid in all threads, and see that nothing of
 * root is left in any of them: ids, capabilities, a way back. NoNewPrivs must
 * have been set before. The process then dies with parent. Returns 0 or a
 * negative errno: -EPERM where root could be regained, -ESRCH where parent is
 * gone. After an error the process must end.
 */
int privilege_drop(const struct machine *machine, pid_t parent);

#endif
