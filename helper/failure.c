/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"

int failure_set(struct failure *why, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why->message, sizeof(why->message), format, arguments);
	va_end(arguments);
	str_printable(why->message);
	why->code = code;
	if (code == EXIT_USAGE)
		return -EINVAL;
	return code == EXIT_DENIED ? -EACCES : -EIO;
}

void failure_drop_option(struct failure *why)
{
	static const char option[] = "--vm: ";
	const size_t length = sizeof(option) - 1;

	if (strncmp(why->message, option, length) == 0)
		memmove(why->message, why->message + length, strlen(why->message + length) + 1);
}
