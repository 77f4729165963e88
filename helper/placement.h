/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a machine lies on its node: CPUs, NUMA nodes, pages. */
#ifndef WNODES_HELPER_PLACEMENT_H
#define WNODES_HELPER_PLACEMENT_H

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/record.h"
#include "helper/topology.h"

/**
 * Put the CPUs of the record's `cpuset` into the order of the machine's
 * vCPUs, by which tasks find the CPUs that Slurm bound them to. Returns 0 or a
 * negative errno.
 */
int placement_order(const struct config *config, struct kv *kv);

/** Whether the node has the pages that the machine needs. Returns 0 or -EIO with why (EXIT_NODE). */
int placement_check(const struct record *record, const struct config *config, struct failure *why);

/**
 * Add the machine description's lines of CPUs and memory, for the process that
 * becomes the monitor, in the job's cgroup. Returns 0 or -EIO with why
 * (EXIT_NODE).
 */
int placement_describe(const struct record *record, const struct config *config, struct kv *machine,
                       struct failure *why);

/** The lines of a job's CPUs that are known, and pinned; a pure function. Returns 0 or a negative errno. */
int placement_cpus(const struct topology *topology, const struct record *record, const struct config *config, bool tcg,
                   struct kv *machine);

#endif
