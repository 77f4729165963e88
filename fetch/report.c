/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"

#define LINE 4096U

static char prepared[LINE];

int report(const char *key, const char *format, ...)
{
	char value[LINE - 64], line[LINE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	str_printable(value);
	(void)snprintf(line, sizeof(line), "%.32s=%s\n", key, value);
	return write_all(STDOUT_FILENO, line, strlen(line));
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
	(void)write_all(STDOUT_FILENO, prepared, strlen(prepared));
}
