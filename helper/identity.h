/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of users and groups. A name service may hang, and its modules are
 * foreign code: a child asks it and is killed when it is late.
 */
#ifndef WNODES_HELPER_IDENTITY_H
#define WNODES_HELPER_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

#include "common/kv.h"
#include "helper/failure.h"

/**
 * Set kv's `user`, `home`, `shell` and `groups` (GID:NAME,…, gid first) of
 * uid. Returns 0 or -EIO with why (EXIT_NODE: unknown, or no answer in time).
 */
int identity_user(uid_t uid, gid_t gid, struct kv *kv, struct failure *why);

/** Set kv's `groups` to the names of gid and of gids[count], each once. Returns as identity_user(). */
int identity_groups(gid_t gid, const gid_t *gids, size_t count, struct kv *kv, struct failure *why);

/** Parse "1,2,3" into gids[max]; returns their number or -EINVAL. "" is none. */
int identity_parse_gids(const char *text, gid_t *gids, size_t max);

#endif
