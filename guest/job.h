/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who the job is: the frame JOB, and making it known in the guest. */
#ifndef WNODES_GUEST_JOB_H
#define WNODES_GUEST_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/job_network.h"

struct job_group {
	gid_t gid;
	char *name; /* "" where the host knew none */
};

/* A directory of the host. */
struct job_mount {
	char *target;
	uint32_t number; /* of WIRE_MOUNT_TAG */
	bool read_only;
	bool optional; /* the guest may be without it where its kernel is */
	bool virtiofs; /* and not 9p */
};

struct job {
	char *user; /* NULL in all texts that were not given */
	char *home;
	char *shell;
	char *hostname;
	char *uuid;     /* the machine's */
	char *commands; /* of Slurm that work here, separated by commas */
	uid_t uid;
	gid_t gid;
	struct job_group *groups;
	size_t group_count;
	struct job_mount *mounts;
	size_t mount_count;
	struct job_network *networks;
	size_t network_count; /* at most WIRE_NETWORKS_MAX */
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
 * and name the machine (guest/names.h). What cannot be done is logged: a
 * task runs with numbers alone, too.
 */
void job_apply(const struct job *job, const char *etc);

#endif
