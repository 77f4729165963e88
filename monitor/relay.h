/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting wnodes-relay, which runs as the job's user and parses what the guest says. */
#ifndef WNODES_MONITOR_RELAY_H
#define WNODES_MONITOR_RELAY_H

#include <sys/types.h>

#include "monitor/machine.h"

/**
 * Bind run_dir/tasks.sock, the job's user's alone, and execute the relay with
 * it. The relay dies with this process. Returns 0 and *control, a seqpacket
 * socket to the relay, which the caller closes; or a negative errno with the
 * step in *step (static).
 */
int relay_spawn(const struct machine *machine, int *control, const char **step);

#endif
