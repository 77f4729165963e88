/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that nothing which serves a guest may do. */
#ifndef WNODES_MONITOR_FILTER_H
#define WNODES_MONITOR_FILTER_H

/**
 * Take from this process and all that it will execute:
 *
 * - open-file-description locks: fcntl(2) answers EINVAL to them, as kernels
 *   before 3.15 do. QEMU then locks no image (file-posix.c, locking=auto). It
 *   needs none: an overlay is one machine's and its base is read-only. And
 *   whoever can read a base could otherwise hold a lock that keeps every
 *   machine from starting.
 * - the set-user-ID bit: EPERM. A guest's root could otherwise leave a program
 *   in a host directory that makes whoever runs it the job's user. openat2(2),
 *   whose mode a filter cannot see, is ENOSYS, as before Linux 5.6.
 *
 * Returns 0 or a negative errno.
 */
int filter_load(void);

#endif
