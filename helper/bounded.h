/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls into the kernel that may never return: a write to sysfs waits for a
 * driver, and a driver for its hardware or for whoever has it open, where no
 * signal reaches it.
 */
#ifndef WNODES_HELPER_BOUNDED_H
#define WNODES_HELPER_BOUNDED_H

#include <stddef.h>

/*
 * Runs in a child that has none of the caller's descriptors; returns 0 or a
 * negative errno. Where somebody kills the child it is begun again.
 */
typedef int bounded_work(const void *context);

/**
 * Do the work in a child and wait for it, ms at most. Returns what it returned,
 * -EIO where the child was killed three times, or -ETIMEDOUT: then the child,
 * which is killed but may never end, is in no job's cgroup any more and is not
 * waited for, and what it was at is to be given up.
 */
int bounded_run(bounded_work *work, const void *context, unsigned int ms);

/* As bounded_work, of what it may change. */
typedef int bounded_call(void *context);

/**
 * Do the work as bounded_run() does, with context[size], which it may change:
 * what is bounded in it is done in the same child, within its ms. Returns as
 * bounded_run(), or a negative errno.
 */
int bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms);

/** Read a small file as fs_read() does, within ms, into buffer[size]. Returns 0 or a negative errno. */
int bounded_read(const char *path, char *buffer, size_t size, unsigned int ms);

/** Write text to the file at path in one write(2), within ms. Returns 0 or a negative errno. */
int bounded_write(const char *path, const char *text, unsigned int ms);

#endif
