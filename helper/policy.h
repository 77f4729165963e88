/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site's policy and the sizes of machines. Pure functions. */
#ifndef WNODES_HELPER_POLICY_H
#define WNODES_HELPER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"

/**
 * Whether user, in groups (GID:NAME,…), may run machines at all, and of this
 * image: where users or groups are listed, he must be one of the users or in
 * one of the groups. Returns 0, or -EACCES with why (EXIT_DENIED).
 */
int policy_user(const struct config *config, const struct image *image, const char *user, const char *groups,
                struct failure *why);

/**
 * Whether a job of this account and partition may have a machine, and of this
 * image: each list that is there must have it. NULL is not known, and in no
 * list. Returns 0, or -EACCES with why (EXIT_DENIED).
 */
int policy_job(const struct config *config, const struct image *image, const char *account, const char *partition,
               struct failure *why);

/* Who asks: NULL is not known, and in no list. */
struct policy_job {
	const char *user, *groups; /* GID:NAME,… */
	const char *account, *partition;
};

/** Whether the job may have this network: as policy_user() and policy_job() of an image. */
int policy_network(const struct config_network *network, const struct policy_job *job, struct failure *why);

/**
 * The job's VLAN on the network, 0 for none: its account's, else that of the
 * first group in wnodes.conf that its user is in, else the network's. Where
 * accounts or groups have VLANs and the rest none, the rest is denied. Returns
 * 0, or -EACCES with why (EXIT_DENIED).
 */
int policy_vlan(const struct config_network *network, const struct policy_job *job, uint16_t *vlan,
                struct failure *why);

/** Whether who is in groups (GID:NAME,…) may boot a file of his own. Returns 0, or -EACCES with why (EXIT_DENIED). */
int policy_own_image(const struct config *config, const char *groups, struct failure *why);

/**
 * The seconds a machine gets to become ready: text is the user's wish, NULL
 * for none. Returns 0, or -EINVAL with why (EXIT_USAGE).
 */
int policy_boot_timeout(const struct config *config, const char *text, uint64_t *seconds, struct failure *why);

/**
 * The disk of a job that says --vm-disk=text (NULL: nothing), as site and
 * image allow and default it: mode and prealloc are set, size is what the job
 * asks for or 0. Returns 0, or with why -EINVAL (EXIT_USAGE), -EACCES
 * (EXIT_DENIED) or -EIO (EXIT_NODE: site and image contradict each other).
 */
int policy_disk(const struct config *config, const struct image *image, const char *text, struct disk_option *disk,
                struct failure *why);

struct policy_memory {
	uint64_t job_mib; /* what Slurm allocated; 0 where it allocates no memory */
	uint64_t limit;   /* bytes the job's cgroup allows; UINT64_MAX is no limit */
	unsigned int vcpus;
	unsigned int mounts; /* directories of the host */
	bool virtiofs;       /* a virtiofsd serves each of them */
	unsigned int passts; /* networks that a passt serves */
	bool tcg;            /* the translation cache and the TLBs count */
};

/**
 * The machine's memory in MiB: the job's, held against its cgroup, less what
 * the host's side needs. Returns 0, -EINVAL (EXIT_USAGE: less than the image
 * needs) or -EIO (EXIT_NODE: the site says nowhere how much) with why.
 */
int policy_memory(const struct config *config, const struct image *image, const struct policy_memory *memory,
                  uint64_t *mib, struct failure *why);

#endif
