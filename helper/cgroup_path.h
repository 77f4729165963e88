/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a job's cgroups lie, from the text of /proc/PID/cgroup of its extern
 * slurmstepd and of /proc/self/mountinfo. Pure functions.
 *
 *   v1  HIERARCHY:/slurm[_NODE]/uid_U/job_J/step_extern   (a path per hierarchy)
 *   v2  0::/…/[NODE_]slurmstepd.scope/job_J/step_extern/…  (job_J may be an SLUID from 26.05 on)
 */
#ifndef WNODES_HELPER_CGROUP_PATH_H
#define WNODES_HELPER_CGROUP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH 1024U
#define CGROUP_NAME 32U /* of a hierarchy: its first controller, or "unified" */
#define CGROUP_MAX 16U  /* hierarchies */

struct cgroup_layout {
	bool unified;
	char job[CGROUP_PATH];               /* the job's folder, relative to a hierarchy's root */
	char names[CGROUP_MAX][CGROUP_NAME]; /* v1: the hierarchies there are, without the freezer and named ones */
	unsigned int count;
};

/**
 * Find the job's folder in proc_text. Under v1 it is taken from memory, else
 * cpuset, else another controller but the freezer, and must end in
 * uid_U/job_J. Returns 0, -ENOENT where the process is in no job's cgroup, or
 * -EINVAL where the folder is not this job's.
 */
int cgroup_layout(const char *proc_text, uint32_t job, uid_t uid, struct cgroup_layout *layout);

/**
 * The absolute path of relative in the hierarchy name, by mountinfo's text,
 * into path[CGROUP_PATH]. Returns 0, -ENOENT (not mounted) or -ENAMETOOLONG.
 */
int cgroup_locate(const char *mountinfo, const char *name, const char *relative, char *path);

/**
 * Take the last part off path, in place, where it begins with prefix.
 * Returns whether it did.
 */
bool cgroup_up(char *path, const char *prefix);

/** The number of CPUs in a list such as "0-3,8"; 0 where it is malformed. */
unsigned int cgroup_count_cpus(const char *list);

#endif
