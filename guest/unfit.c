/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/unfit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "guest/log.h"

bool unfit_set(struct unfit *unfit, uint32_t code, const char *format, ...)
{
	char text[WIRE_NOTE_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	str_printable(text);
	agent_log("%s", text);
	wire_put_u32(unfit->bytes, code);
	unfit->length = 4 + strnlen(text, WIRE_NOTE_MAX);
	memcpy(unfit->bytes + 4, text, unfit->length - 4);
	return true;
}
