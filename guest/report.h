/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a supervisor and the task's process (until it has executed the task's
 * program) say to the agent, through a pipe: records of one size, each
 * written at once, so that both may write.
 */
#ifndef WNODES_GUEST_REPORT_H
#define WNODES_GUEST_REPORT_H

#include <stdint.h>

#include "common/wire.h"

enum report_kind {
	REPORT_STARTED = 1, /* value: the leader's process id */
	REPORT_NOTE,        /* value: the level; text */
	REPORT_ENDED,       /* value: 0 exited, 1 killed by a signal; value2: code or signal */
};

struct report {
	uint32_t kind;
	uint32_t value;
	uint32_t value2;
	char text[WIRE_NOTE_MAX + 1]; /* one line */
};

/** Write a report without a text to the pipe fd. */
void report_put(int fd, enum report_kind kind, uint32_t value, uint32_t value2);

/** Write a NOTE; longer texts are cut, control characters become '?'. */
void report_note(int fd, uint32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
