/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages: lines on stderr, in order with the task's own, once per step. */
#include "run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

/* Where a message does not fit, or stderr is gone, it is lost: nowhere is left to say it. */
static void say(struct run *run, const char *format, va_list arguments)
{
	char text[WIRE_NOTE_MAX + 256];
	char line[sizeof(text) + 16];
	int length;

	(void)vsnprintf(text, sizeof(text), format, arguments);
	str_printable(text);
	run->spoke = true;
	length = snprintf(line, sizeof(line), "wnodes: %s%s", text, run_terminal_newline(run));
	if (length > 0)
		(void)run_output_write(&run->outputs[1], (const uint8_t *)line, strlen(line), true);
}

void run_say(struct run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(run, format, arguments);
	va_end(arguments);
}

bool run_speaks(const struct run *run)
{
	return run->speaker || (!run->settled && run->options.local);
}

void run_fail(struct run *run, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (run_speaks(run))
		say(run, format, arguments);
	va_end(arguments);
	run_finish(run, false, code);
}

void run_say_tail(struct run *run, const uint8_t *bytes, size_t length)
{
	if (length > 0)
		run_say(run, "the console's last lines:");
	while (length > 0) {
		const uint8_t *end = memchr(bytes, '\n', length);
		size_t line = end ? (size_t)(end - bytes) : length;

		run_say(run, "| %.*s", (int)(line < WIRE_NOTE_MAX ? line : WIRE_NOTE_MAX), (const char *)bytes);
		bytes += line + (end != NULL);
		length -= line + (end != NULL);
	}
}
