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
 * limits, umask and working directory. Ends the process with EXIT_NODE where
 * that fails, or where the program is not setuid root.
 */
void harden(struct caller *caller);

/** Give every signal its default action and unblock all, for a program to be executed. */
void harden_reset_signals(void);

/** End the process with EXIT_NODE, writing line (which stays valid) to standard error, when seconds have passed. */
void harden_deadline(const char *line, unsigned int seconds);

#endif
