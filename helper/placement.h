/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a machine lies on its node: CPUs, NUMA nodes, pages. */
#ifndef WNODES_HELPER_PLACEMENT_H
#define WNODES_HELPER_PLACEMENT_H

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/record.h"

/** Whether the node has the pages that the machine needs. Returns 0 or -EIO with why (EXIT_NODE). */
int placement_check(const struct record *record, const struct config *config, struct failure *why);

/**
 * Add the machine description's lines of CPUs and memory, for the process that
 * becomes the monitor, in the job's cgroup. Returns 0 or -EIO with why
 * (EXIT_NODE).
 */
int placement_describe(const struct record *record, const struct config *config, struct kv *machine,
                       struct failure *why);

#endif
