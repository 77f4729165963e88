/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the job is: the frame JOB, and making it known in the guest. */
#ifndef WNODES_GUEST_JOB_H
#define WNODES_GUEST_JOB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct job_group {
	gid_t gid;
	char *name; /* "" where the host knew none */
};

struct job {
	char *user; /* NULL in all texts that were not given */
	char *home;
	char *shell;
	char *hostname;
	char *commands; /* of Slurm that work here, separated by commas */
	uid_t uid;
	gid_t gid;
	struct job_group *groups;
	size_t group_count;
};

/**
 * Read the attributes of JOB at payload[length] into *job, which is empty.
 * Returns 0, -EPROTO with *why (static) where they are not right, or -ENOMEM;
 * *job is then empty. Free with job_free().
 */
int job_parse(struct job *job, const uint8_t *payload, size_t length, const char **why);

/** Free what *job holds and make it empty. */
void job_free(struct job *job);

/**
 * Make user and groups known in the files passwd and group of the folder etc,
 * and set the hostname where one is given. What cannot be done is logged: a
 * task runs with numbers alone, too.
 */
void job_apply(const struct job *job, const char *etc);

#endif
