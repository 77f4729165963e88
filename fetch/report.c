/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"

#define LINE 4096U

static char prepared[LINE];

static int write_line(const char *line)
{
	size_t length = strlen(line);

	while (length > 0) {
		ssize_t n = write(STDOUT_FILENO, line, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		line += n;
		length -= (size_t)n;
	}
	return 0;
}

int report(const char *key, const char *format, ...)
{
	char value[LINE - 64], line[LINE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	str_printable(value);
	(void)snprintf(line, sizeof(line), "%.32s=%s\n", key, value);
	return write_line(line);
}

void report_prepare(const char *format, ...)
{
	char line[LINE - 1];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	str_printable(line);
	(void)snprintf(prepared, sizeof(prepared), "%s\n", line);
}

void report_prepared(void)
{
	(void)write_line(prepared);
}
