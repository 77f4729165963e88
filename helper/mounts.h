/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which host directories a job's machine sees: the site's and the job's own. */
#ifndef WNODES_HELPER_MOUNTS_H
#define WNODES_HELPER_MOUNTS_H

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"

/**
 * Write the site's directories and those of option (--vm-mount's argument;
 * NULL: none) into the record: `mount.N.source`, `mount.N.target` and
 * `mount.N.options` (`ro` or `rw`, then ` optional`, ` site`), N from 0.
 * None of them is looked at: that takes the job's user's rights, which the
 * monitor's child has. Returns 0; -EINVAL (EXIT_USAGE) or -EIO (EXIT_NODE)
 * with why.
 */
int mounts_record(const struct config *config, const char *option, struct kv *kv, struct failure *why);

/** How many directories the record has. */
unsigned int mounts_recorded(const struct kv *kv);

#endif
