/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/extern.h"

#include <inttypes.h>
#include <slurm/slurm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/helper.h"
#include "plugin/job.h"

#define ALLOCATE_SECONDS 10U
#define START_SECONDS 15U

/* `1000,1001,…` from malloc; NULL without memory. */
static char *format_groups(const struct helper_user *user)
{
	size_t size = 12 * (user->group_count + 1);
	char *text = malloc(size);
	size_t used = 0;

	if (!text)
		return NULL;
	text[0] = 0;
	for (size_t i = 0; i < user->group_count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%u", i ? "," : "", user->groups[i]);
	return text;
}

static int allocate(const struct job *job, const struct helper_user *user, uint64_t memory)
{
	struct helper_call call;
	char id[16], parent[16], mib[24];
	char *groups = format_groups(user);
	int code;

	snprintf(id, sizeof(id), "%u", job->id);
	snprintf(parent, sizeof(parent), "%d", getpid());
	snprintf(mib, sizeof(mib), "%" PRIu64, memory);
	helper_begin(&call, "allocate");
	helper_add(&call, "--node", job->node);
	helper_add(&call, "--job", id);
	helper_add(&call, "--memory", mib);
	helper_add(&call, "--gids", groups && *groups ? groups : NULL);
	helper_add(&call, "--parent", parent);
	code = helper_run(&call, ALLOCATE_SECONDS);
	free(groups);
	return code;
}

static int start(const struct job *job, const struct helper_user *user)
{
	struct helper_call call;
	char id[16];

	snprintf(id, sizeof(id), "%u", job->id);
	helper_begin(&call, "start");
	helper_add(&call, "--node", job->node);
	helper_add(&call, "--job", id);
	call.user = user;
	return helper_run(&call, START_SECONDS);
}

int extern_task_post_fork(spank_t spank)
{
	struct helper_user user = {0};
	gid_t *groups = NULL;
	uint32_t step;
	uint64_t memory = 0;
	int count = 0;
	struct job job;

	if (spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS || step != SLURM_EXTERN_CONT)
		return 0;
	if (job_get(spank, &job) < 0 || !job_has_machine(&job))
		return 0;
	if (spank_get_item(spank, S_JOB_UID, &user.uid) != ESPANK_SUCCESS ||
	    spank_get_item(spank, S_JOB_GID, &user.gid) != ESPANK_SUCCESS) {
		slurm_error("wnodes: job %u: Slurm does not tell its user", job.id);
		return 0;
	}
	(void)spank_get_item(spank, S_JOB_ALLOC_MEM, &memory);
	if (spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &groups, &count) == ESPANK_SUCCESS && count > 0) {
		user.groups = groups;
		user.group_count = (size_t)count;
	}
	if (allocate(&job, &user, memory) != 0 || start(&job, &user) != 0)
		slurm_error("wnodes: job %u: its virtual machine could not be started", job.id);
	return 0;
}
