/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's log and clock. Logging never blocks and is bounded in rate. */
#ifndef WNODES_GUEST_LOG_H
#define WNODES_GUEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Log to the kernel's ring buffer where to_kernel is set and it can be had,
 * else to standard error. A descriptor from an earlier call is forgotten.
 */
void agent_log_open(bool to_kernel);

/** As agent_log_open(), as it was opened last: in a child that has closed what it inherited. */
void agent_log_reopen(void);

/** One line, cut at 512 bytes; control characters become '?'. At most 50 lines in 10 s, the rest is counted. */
void agent_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Milliseconds of a clock that nobody sets. */
uint64_t agent_now(void);

#endif
