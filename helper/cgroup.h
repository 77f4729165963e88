/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's own cgroup, job_N/vm beside Slurm's steps, under every hierarchy
 * in which Slurm made a job_N: the job's limits hold for it, and ending a step
 * does not. Each carries a mark (an extended attribute that only root can
 * set), by which sweep finds it when its record is gone.
 */
#ifndef WNODES_HELPER_CGROUP_H
#define WNODES_HELPER_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kv.h"
#include "helper/failure.h"
#include "helper/record.h"

/**
 * Find the job's folders by the extern slurmstepd's pid and set kv's
 * `cgroup.NAME`, and the file by which Slurm suspends the job under `freezer`. Returns 0 or -EIO with why.
 */
int cgroup_find(pid_t extern_pid, uint32_t job, uid_t uid, struct kv *kv, struct failure *why);

/** The CPUs that the job's cpuset allows; 0 where it has none. */
unsigned int cgroup_cpus(const struct kv *kv);

/** Set kv's `cpuset` and `cpuset_mems` to the lists of CPUs and NUMA nodes that the job's cpuset allows; nothing where
 * it has none. */
void cgroup_note_cpus(struct kv *kv);

/** The bytes of memory that the job's cgroup allows; UINT64_MAX where it does not limit. */
uint64_t cgroup_memory(const struct kv *kv);

/**
 * Make job_N/vm under each of the record's cgroups (journalled first) and move
 * the calling process into them, and under v1 out of Slurm's freezer. Returns
 * 0 or -EIO with why.
 */
int cgroup_enter(const struct record *record, struct failure *why);

/**
 * Leave every job's cgroup, and every session's of systemd, for the root of
 * its hierarchy, for what outlives them. Returns 0 or a negative errno.
 */
int cgroup_leave_jobs(void);

/** Move a child, which is in the caller's cgroups, to where cgroup_leave_jobs() goes. Returns 0 or a negative errno. */
int cgroup_leave_child(pid_t pid);

/* Absolute paths of job_N/vm folders, in one or several hierarchies. */
struct cgroup_set {
	char **paths;
	size_t count;
};

/** Add a path; 0 or -ENOMEM. cgroup_set_free() when done. */
int cgroup_set_add(struct cgroup_set *set, const char *path);
void cgroup_set_free(struct cgroup_set *set);

/**
 * Send SIGKILL once to every process of the set; with spare_reaper not to
 * root's process at the top of the tree, which reaps the others. Returns the
 * number of processes that were there, one for each folder at least that still
 * has one in it which is listed no more.
 */
size_t cgroup_kill(const struct cgroup_set *set, bool spare_reaper);

/**
 * Undo the journal's line `cgroup NAME PATH`: remove PATH (…/job_N/vm), then
 * job_N and under v1 uid_U where they are empty, under Slurm's lock. argument
 * is "NAME PATH". Returns 0, -EBUSY where processes stay in it, or a negative
 * errno.
 */
int cgroup_remove(const char *argument);

/* name is the hierarchy's; path is a job_N/vm of ours, made for this node and job. */
typedef int cgroup_found(void *context, const char *name, const char *path, const char *node, uint32_t job);

/**
 * Call found for every marked job_N/vm in every hierarchy. Returns 0 or the
 * first failure; goes on after one.
 */
int cgroup_hunt(cgroup_found *found, void *context);

#endif
