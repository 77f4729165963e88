/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WNODES_MONITOR_LOCKS_H
#define WNODES_MONITOR_LOCKS_H

/**
 * Take open-file-description locks away from this process and all that it
 * will execute: fcntl(2) answers EINVAL to them, as kernels before 3.15 do.
 * QEMU then locks no image (file-posix.c, locking=auto). It needs none: an
 * overlay is one machine's and its base is read-only. And whoever can read a
 * base could otherwise hold a lock that keeps every machine from starting.
 * Returns 0 or a negative errno.
 */
int locks_refuse(void);

#endif
