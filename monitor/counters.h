/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many processes the kernel killed because the job's memory was exhausted. */
#ifndef WNODES_MONITOR_COUNTERS_H
#define WNODES_MONITOR_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/machine.h"

/* Descriptors stay valid where the cgroup's file system is no longer mounted. */
struct counters {
	int vm, job; /* -1: unknown */
	uint64_t start;
};

/** The number after `oom_kill ` in text[length] (memory.oom_control, memory.events); 0 where there is none. */
uint64_t counters_parse(const char *text, size_t length);

/** Open the counters of the machine's and the job's cgroup, and note their present values. */
void counters_open(struct counters *counters, const struct machine *machine);

/** Whether the kernel killed for memory since counters_open(). */
bool counters_rose(const struct counters *counters);

#endif
