/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way the network user goes on this node: passt, or QEMU's own slirp. */
#ifndef WNODES_HELPER_PASST_H
#define WNODES_HELPER_PASST_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/config.h"
#include "helper/failure.h"

#define PASST_PROBLEM 256U

/**
 * Whether machines of uid and gid, which are not 0, can have a passt: starts
 * one, which ends at once, and asks QEMU for what it needs; with recent only
 * one of passt_is_recent(). A few seconds at most. Returns 0, or -EIO with the
 * reason in problem[PASST_PROBLEM].
 */
int passt_try(const struct config *config, uid_t uid, gid_t gid, bool recent, char *problem);

/**
 * Whether text is what a passt of 2024 or later answers to --version. That of
 * 2023-03-09, Debian 12's, was seen to repeat bytes of a TCP stream without
 * end.
 */
bool passt_is_recent(const char *text);

/** Whether QEMU's words on its netdevs name this one. */
bool passt_has_netdev(const char *text, const char *name);

/** Whether QEMU has slirp. As passt_try(). */
int passt_try_slirp(const struct config *config, uid_t uid, gid_t gid, char *problem);

#endif
