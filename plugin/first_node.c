/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/first_node.h"

#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD "wnodes:"

/* Not linked: these are there in srun and in the processes that run a prolog. */
#pragma weak slurm_free_job_info_msg
#pragma weak slurm_init_job_desc_msg
#pragma weak slurm_load_job
#pragma weak slurm_strerror
#pragma weak slurm_update_job

/* The word's place in comment; NULL where it has none. */
static const char *find(const char *comment)
{
	const char *at = comment;

	while (at && (at = strstr(at, WORD)) && at != comment && at[-1] != ' ')
		at += strlen(WORD);
	return at;
}

char *first_node_put(const char *comment, const char *node, const char *digest)
{
	const char *whole = comment ? comment : "", *old = find(whole);
	size_t before = old ? (size_t)(old - whole) : strlen(whole);
	const char *after = old ? old + strcspn(old, " ") : "";
	char *text = NULL;

	if (asprintf(&text, "%.*s%s" WORD "%s=%s%s", (int)before, whole, before && whole[before - 1] != ' ' ? " " : "",
	             node, digest, after) < 0)
		return NULL;
	return text;
}

int first_node_take(const char *comment, char *node, char *digest)
{
	const char *at = find(comment);
	int end = 0;

	if (!at || sscanf(at, WORD "%64[^= ]=%64[0-9a-z]%n", node, digest, &end) != 2)
		return -1;
	return at[end] == 0 || at[end] == ' ' ? 0 : -1;
}

/* The job at slurmctld; slurm_free_job_info_msg() then. NULL where it cannot be had. */
static job_info_msg_t *load(uint32_t job)
{
	job_info_msg_t *jobs = NULL;

	if (!slurm_load_job || !slurm_free_job_info_msg || slurm_load_job(&jobs, job, 0) != SLURM_SUCCESS)
		return NULL;
	if (jobs->record_count > 0)
		return jobs;
	slurm_free_job_info_msg(jobs);
	return NULL;
}

static int update(uint32_t job, char *comment)
{
	job_desc_msg_t change;

	if (!comment || !slurm_init_job_desc_msg || !slurm_update_job)
		return -1;
	slurm_init_job_desc_msg(&change);
	change.job_id = job;
	change.admin_comment = comment;
	return slurm_update_job(&change) == SLURM_SUCCESS ? 0 : -1;
}

void first_node_write(uint32_t job, const char *node, const char *digest)
{
	job_info_msg_t *jobs = load(job);
	char *comment = jobs ? first_node_put(jobs->job_array[0].admin_comment, node, digest) : NULL;

	if (update(job, comment) < 0)
		slurm_error("wnodes: job %u: slurmctld does not take the sha256 of its image (%s): its nodes are not "
		            "compared",
		            job, slurm_strerror ? slurm_strerror(errno) : "");
	free(comment);
	if (jobs)
		slurm_free_job_info_msg(jobs);
}

int first_node_read(uint32_t job, char *node, char *digest)
{
	job_info_msg_t *jobs = load(job);
	int rc;

	if (!jobs)
		return -1;
	rc = first_node_take(jobs->job_array[0].admin_comment, node, digest);
	slurm_free_job_info_msg(jobs);
	return rc;
}
