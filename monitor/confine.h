/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The root directory of a process that serves one folder. virtiofsd opens
 * whatever name a guest's kernel asks for, "../.." too: it counts on a root
 * of its own, which it cannot make as the job's user.
 */
#ifndef WNODES_MONITOR_CONFINE_H
#define WNODES_MONITOR_CONFINE_H

#define CONFINE_SHARED "/shared" /* in that root */

/**
 * Change the calling process's root, in a mount namespace of its own, to one
 * that has folder as CONFINE_SHARED, and what program needs to run: the
 * folder it lies in, /usr, /lib*, the cache of ld.so, and of /proc its own
 * descriptors and mounts. empty is a folder, which it hides; program's path
 * is without symlinks. As root, in the
 * process that executes program. Returns 0 or a negative errno.
 */
int confine(const char *empty, const char *folder, const char *program);

#endif
