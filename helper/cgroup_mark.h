/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What cgroup*.c share: the mark of our cgroups, and the mounts. */
#ifndef WNODES_HELPER_CGROUP_MARK_H
#define WNODES_HELPER_CGROUP_MARK_H

#include "helper/record.h"

/** Mark the cgroup folder fd as this job's. Returns 0 (also where there are no such attributes) or a negative errno. */
int cgroup_mark(int fd, const struct record_id *id);

/** /proc/self/mountinfo in memory from malloc; NULL where it cannot be read. */
char *cgroup_mountinfo(void);

#endif
