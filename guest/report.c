/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/report.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"

_Static_assert(sizeof(struct report) <= PIPE_BUF, "a report must be written at once");

static void put(int fd, const struct report *report)
{
	ssize_t rc;

	do
		rc = write(fd, report, sizeof(*report));
	while (rc < 0 && errno == EINTR);
}

void report_put(int fd, enum report_kind kind, uint32_t value, uint32_t value2)
{
	struct report report;

	memset(&report, 0, sizeof(report));
	report.kind = kind;
	report.value = value;
	report.value2 = value2;
	put(fd, &report);
}

void report_note(int fd, uint32_t level, const char *format, ...)
{
	struct report report;
	va_list arguments;

	memset(&report, 0, sizeof(report));
	report.kind = REPORT_NOTE;
	report.value = level;
	va_start(arguments, format);
	vsnprintf(report.text, sizeof(report.text), format, arguments);
	va_end(arguments);
	str_printable(report.text);
	if (!report.text[0])
		report.text[0] = '?';
	put(fd, &report);
}
