/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtiofs or 9p on this node. */
#ifndef WNODES_HELPER_VIRTIOFSD_H
#define WNODES_HELPER_VIRTIOFSD_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"

/** Whether text is what a virtiofsd answers to --version that can be used here: the one in Rust, 1.13 or a later 1.x.
 */
bool virtiofsd_is_usable(const char *text);

/**
 * Where the record has host directories, choose how they are served: sets
 * `virtiofsd` to the program, or leaves it out for 9p. The program is asked
 * for its version as uid and gid, which are not 0, for a few seconds at most. Returns 0, or -EIO
 * (EXIT_NODE) with why where the site insists on virtiofs and there is none.
 */
int virtiofsd_choose(const struct config *config, uid_t uid, gid_t gid, struct kv *kv, struct failure *why);

#endif
