/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/exitcode.h"

int cli_sweep(char **argv)
{
	const char *arguments[] = {"sweep", *argv, NULL};
	struct blocks blocks = {0};
	int code;

	if (*argv && (strcmp(*argv, "--keep-quarantine") != 0 || argv[1])) {
		fprintf(stderr, "wnodes: sweep takes no arguments but --keep-quarantine\n");
		return EXIT_USAGE;
	}
	code = cli_helper(arguments, &blocks);
	blocks_free(&blocks);
	return code;
}
