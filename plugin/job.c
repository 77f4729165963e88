/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/paths.h"
#include "common/str.h"

int job_get(spank_t spank, struct job *job)
{
	/* slurmd sets it for the prolog and the epilog, slurmstepd for itself */
	job->node = getenv("SLURMD_NODENAME");
	if (spank_get_item(spank, S_JOB_ID, &job->id) != ESPANK_SUCCESS) {
		slurm_error("wnodes: Slurm does not tell the job's id");
		return -1;
	}
	if (!job->node || !str_is_name(job->node) ||
	    str_print(job->run_dir, sizeof(job->run_dir), "%s/%s/%u", WNODES_RUNDIR, job->node, job->id) < 0) {
		slurm_error("wnodes: job %u: SLURMD_NODENAME is missing or not a node's name", job->id);
		return -1;
	}
	return 0;
}

bool job_has_machine(const struct job *job)
{
	struct stat st;

	return lstat(job->run_dir, &st) == 0;
}

int job_refuse(const struct job *job, int code, const char *message)
{
	char path[sizeof(job->run_dir)];
	struct kv state = {0};
	int folder, rc;

	/* the folder of the node, and the one above it, may be missing */
	(void)mkdir(WNODES_RUNDIR, 0755);
	if (str_print(path, sizeof(path), "%s/%s", WNODES_RUNDIR, job->node) == 0)
		(void)mkdir(path, 0755);
	if (mkdir(job->run_dir, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	folder = open(job->run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = folder < 0 ? -errno : 0;
	if (rc == 0)
		rc = kv_set(&state, "state", "failed");
	if (rc == 0)
		rc = kv_setf(&state, "code", "%d", code);
	if (rc == 0)
		rc = kv_set(&state, "message", message);
	if (rc == 0)
		rc = kv_save(&state, folder, "state", 0644, 0);
	kv_free(&state);
	if (folder >= 0)
		close(folder);
	return rc;
}

bool job_has_record(const struct job *job)
{
	char path[512];
	char prefix[16];
	const struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(prefix, sizeof(prefix), "%u.", job->id);
	if (str_print(path, sizeof(path), "%s/%s", WNODES_JOBS, job->node) < 0)
		return false;
	folder = opendir(path);
	if (!folder)
		return false;
	while (!found && (entry = readdir(folder)))
		found = strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(folder);
	return found;
}
