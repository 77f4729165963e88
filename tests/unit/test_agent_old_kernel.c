/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/terminal.o common/str.o common/wire.o */
/* The tests of test_agent_whole.c, with wnodes-agent itself under a kernel of EL6's age: tests/lib/old-kernel.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/machine.h"

static int run_agent(const struct machine_options *options)
{
	const char *build = getenv("BUILD");
	char kernel[4096], program[4096], fd[16];

	snprintf(kernel, sizeof(kernel), "%s/tests/old-kernel", build ? build : "build");
	snprintf(program, sizeof(program), "%s/wnodes-agent", build ? build : "build");
	snprintf(fd, sizeof(fd), "%d", options->fd);
	fcntl(options->fd, F_SETFD, 0);
	execl(kernel, kernel, program, options->path ? "--port" : "--fd", options->path ? options->path : fd, "--etc",
	      options->etc, (char *)NULL);
	return 127;
}

#define RUN_AGENT run_agent
#include "tests/unit/test_agent_whole.c" // NOLINT(bugprone-suspicious-include)
