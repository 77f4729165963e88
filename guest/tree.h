/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All the processes below one: found through /proc, and killed. */
#ifndef WNODES_GUEST_TREE_H
#define WNODES_GUEST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * Send SIGKILL to all descendants of the calling process and, where session
 * is not 0, to all of that session. Returns how many were found alive (what
 * is only waiting to be reaped does not count), or -errno where /proc cannot
 * be read. A tree that forks while it is being killed can outrun this: with
 * stop, everything is stopped first, until nothing new is found.
 */
int tree_kill(pid_t session, bool stop);

/** Whether any living process belongs to the session; true as well where /proc cannot be read. */
bool tree_has_session(pid_t session);

/** The parent of process pid; 0 where that cannot be told. */
pid_t tree_parent(pid_t pid);

/** Send SIGKILL to every process of the user, which is not root. Returns how many were found alive. */
size_t tree_kill_user(uid_t uid);

#endif
