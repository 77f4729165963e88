/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A SPANK plugin with the hooks of wnodes.so and nothing in them: what Slurm
 * itself spends for having such a plugin. bench/start compares with it.
 */
#include <slurm/spank.h>

SPANK_PLUGIN(empty, 1)

#define HOOK(name)                                                                                                     \
	int name(spank_t spank, int argc, char **argv);                                                                \
	int name(spank_t spank, int argc, char **argv)                                                                 \
	{                                                                                                              \
		(void)spank;                                                                                           \
		(void)argc;                                                                                            \
		(void)argv;                                                                                            \
		return 0;                                                                                              \
	}

HOOK(slurm_spank_init)
HOOK(slurm_spank_init_post_opt)
HOOK(slurm_spank_job_prolog)
HOOK(slurm_spank_task_post_fork)
HOOK(slurm_spank_task_init)
HOOK(slurm_spank_job_epilog)
