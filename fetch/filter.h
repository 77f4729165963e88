/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that a verb needs from here on, and no others. */
#ifndef WNODES_FETCH_FILTER_H
#define WNODES_FETCH_FILTER_H

#include <sys/types.h>

#include "fetch/fault.h"

/**
 * Set the filter of get (which has set up libcurl before), of digest, or of
 * inspect, whose child is the one process that it may kill. Return 0, or -EIO
 * with fault. Under the address sanitizer, whose calls are its own, no filter
 * is set.
 */
int filter_get(struct fault *fault);
int filter_digest(struct fault *fault);
int filter_inspect(pid_t child, struct fault *fault);

/**
 * For the child that becomes program (this very pointer is execve(2)'s
 * argument): no sockets, no other program or process, no file opened for
 * writing. Returns 0 or a negative errno.
 */
int filter_program(const char *program);

#endif
