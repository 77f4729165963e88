/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal of the guest for a task: a pseudo-terminal, whose master the agent keeps. */
#ifndef WNODES_GUEST_PTY_H
#define WNODES_GUEST_PTY_H

#include <sys/types.h>

#include "common/terminal.h"

struct pty {
	int master; /* does not block */
	int slave;
};

/**
 * Open a pseudo-terminal of the user uid, with size and modes of terminal.
 * Returns 0 with both descriptors of *pty, close-on-exec and the caller's to
 * close, or -errno with both -1.
 */
int pty_open(struct pty *pty, const struct terminal *terminal, uid_t uid);

#endif
