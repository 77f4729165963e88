/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Slurm calls: each hook only chooses the file of its context. */
#include <slurm/spank.h>

#include "plugin/client.h"
#include "plugin/extern.h"
#include "plugin/options.h"
#include "plugin/script.h"
#include "plugin/task.h"

SPANK_PLUGIN(wnodes, 1)

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	switch (spank_context()) {
	case S_CTX_LOCAL:
	case S_CTX_ALLOCATOR:
	case S_CTX_REMOTE:
		return options_register(spank, argc, argv);
	default:
		return 0;
	}
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	switch (spank_context()) {
	case S_CTX_LOCAL:
	case S_CTX_ALLOCATOR:
		return client_check_options(spank);
	default:
		return 0;
	}
}

int slurm_spank_local_user_init(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return client_allocated(spank);
}

int slurm_spank_job_prolog(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return script_prolog(spank);
}

int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return extern_task_post_fork(spank);
}

int slurm_spank_task_init(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return task_init(spank);
}

int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return script_epilog(spank);
}
