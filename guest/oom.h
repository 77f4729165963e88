/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest's kernel does when it is out of memory. */
#ifndef WNODES_GUEST_OOM_H
#define WNODES_GUEST_OOM_H

#include <stdint.h>

/** The kernel shall not choose this process, nor what it forks (best effort). */
void oom_protect(void);

/** The kernel may choose this process as any other. While still root: nobody can then go below that. */
void oom_expose(void);

/** Processes that the kernel has killed for memory since it started; 0 where it does not count (before 4.13). */
uint64_t oom_kills(void);

#endif
