/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A setuid program inherits what its caller chose: all of it is put right before anything else happens. */
#ifndef WNODES_HELPER_HARDEN_H
#define WNODES_HELPER_HARDEN_H

#include <sys/types.h>

struct caller {
	uid_t uid; /* who executed us: the real ids */
	gid_t gid;
};

/**
 * Note the caller, then become root in all ids (after which the caller can no
 * longer signal us) and clear environment, descriptors, signals, timers,
 * limits, priority, umask and working directory. Ends the process with
 * EXIT_NODE where that fails, or where the program is not setuid root; and, a
 * few seconds later, where harden_deadline() has not been called by then.
 */
void harden(struct caller *caller);

/** Give every signal its default action and unblock all, for a program to be executed. */
void harden_reset_signals(void);

/**
 * End the process with EXIT_NODE when seconds have passed, with line (which
 * stays valid) on standard error if it can be written at once; by SIGKILL a
 * second later where even that hangs.
 */
void harden_deadline(const char *line, unsigned int seconds);

#endif
