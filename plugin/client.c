/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/taskenv.h"
#include "plugin/multiprog.h"
#include "plugin/options.h"

/* From Slurm 23.11 on. */
#pragma weak spank_prepend_task_argv
extern spank_err_t spank_prepend_task_argv(spank_t spank, int argc, const char *argv[]);

/*
 * srun takes a closed standard input's number for a socket of its own and then
 * never tells the tasks that their input has ended.
 */
static void open_standard_input(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) > STDIN_FILENO)
		fputs("wnodes: standard input is closed and cannot be opened\n", stderr);
}

int client_check_options(void)
{
	char why[256];
	int code = options_check(options_given(), why, sizeof(why));

	if (code != 0) {
		fprintf(stderr, "wnodes: %s\n", why);
		exit(code);
	}
	if (options_given()->image)
		open_standard_input();
	if (options_given()->image && isatty(STDERR_FILENO))
		(void)setenv(TASKENV_TTY, "1", 1);
	else
		(void)unsetenv(TASKENV_TTY);
	return 0;
}

int client_wrap_multiprog(spank_t spank)
{
	char **argv = NULL;
	char *wrapped;
	int argc = 0;

	if (!options_given()->image || spank_prepend_task_argv ||
	    spank_get_item(spank, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || !argv ||
	    !multiprog_is_read(argc, argv))
		return 0;
	wrapped = multiprog_wrap(argv[1], WNODES_RUN);
	if (wrapped)
		argv[1] = wrapped; /* srun's, which never frees it */
	return 0;
}
