/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/config_says.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/exitcode.h"

struct config config;

const char *config_says(const char *text)
{
	static struct failure why;
	FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(stream);
	why = (struct failure){0};
	if (config_read(&config, stream, "F", &why) < 0)
		assert_int_equal(why.code, EXIT_NODE);
	fclose(stream);
	return why.message;
}
