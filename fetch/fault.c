/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/str.h"

int fault_set(struct fault *fault, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(fault->text, sizeof(fault->text), format, arguments);
	va_end(arguments);
	str_printable(fault->text);
	fault->code = code;
	return -EIO;
}
