/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/client.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/taskenv.h"
#include "plugin/digest.h"
#include "plugin/multiprog.h"
#include "plugin/options.h"
#include "plugin/site.h"

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

int client_check_options(spank_t spank)
{
	char why[256];
	bool has_default = site_has_partition(NULL);
	int code = options_check(options_given(), has_default, why, sizeof(why));
	bool may_have_machine = options_image(options_given()) || (has_default && !options_given()->image);

	if (code != 0) {
		fprintf(stderr, "wnodes: %s\n", why);
		exit(code);
	}
	if (may_have_machine)
		open_standard_input();
	if (may_have_machine && isatty(STDERR_FILENO))
		(void)setenv(TASKENV_TTY, "1", 1);
	else
		(void)unsetenv(TASKENV_TTY);
	digest_submit(spank, options_image(options_given()));
	if (spank_context() == S_CTX_LOCAL)
		digest_carry();
	return 0;
}

/* Of a job that says nothing, srun knows the partition once there is an allocation. */
static bool knows_of_machine(void)
{
	const char *partition = getenv("SLURM_JOB_PARTITION");

	if (options_given()->image)
		return options_image(options_given()) != NULL;
	return partition && site_has_partition(partition);
}

static void wrap_multiprog(spank_t spank)
{
	char **argv = NULL;
	char *wrapped;
	int argc = 0;

	if (spank_prepend_task_argv || !knows_of_machine() ||
	    spank_get_item(spank, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || !argv ||
	    !multiprog_is_read(argc, argv))
		return;
	wrapped = multiprog_wrap(argv[1], WNODES_RUN);
	if (wrapped)
		argv[1] = wrapped; /* srun's, which never frees it */
}

int client_allocated(spank_t spank)
{
	if (options_image(options_given()) || !options_given()->image)
		digest_learn(spank);
	wrap_multiprog(spank);
	return 0;
}
