/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/options.h"

int client_check_options(void)
{
	char why[256];
	int code = options_check(options_given(), why, sizeof(why));

	if (code != 0) {
		fprintf(stderr, "wnodes: %s\n", why);
		exit(code);
	}
	if (options_given()->image && isatty(STDERR_FILENO))
		(void)setenv(CLIENT_TTY_ENV, "1", 1);
	else
		(void)unsetenv(CLIENT_TTY_ENV);
	return 0;
}
