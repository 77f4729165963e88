/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/str.h"

static const char *log_program = "wnodes";
static bool log_to_syslog;

void log_open(const char *program, bool with_syslog)
{
	log_program = program;
	log_to_syslog = with_syslog;
	if (with_syslog)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

/* One write(2), so that lines of several processes do not mix. */
static void log_line(int priority, const char *format, va_list arguments)
{
	char text[1024];
	char line[1200];
	int length;

	(void)vsnprintf(text, sizeof(text), format, arguments);
	str_printable(text);
	length = snprintf(line, sizeof(line), "%s: %s\n", log_program, text);
	if (length > 0 && write(STDERR_FILENO, line, strnlen(line, sizeof(line))) < 0) {
		/* nowhere left to say it */
	}
	if (log_to_syslog)
		syslog(priority, "%s", text);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(LOG_ERR, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(LOG_INFO, format, arguments);
	va_end(arguments);
}
