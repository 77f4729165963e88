/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the guest's own that the agent has do something for it, as root. */
#ifndef WNODES_GUEST_EXECUTE_H
#define WNODES_GUEST_EXECUTE_H

#include <sys/types.h>

/** Close all descriptors but 0 to 2 and kept (-1: none). */
void execute_close_others(int kept);

/**
 * Fork a child that has the signals of a new process, /dev/null as its
 * standard streams, no other descriptors, and a PATH of the system's folders; it dies with the
 * agent, and seconds (0: no bound) after now. Returns 0 in the child, which
 * must not return, its id, or a negative errno.
 */
pid_t execute_fork(unsigned int seconds);

/** The same, executing argv[0] as found in PATH; the child ends with 127 where it is not there. */
pid_t execute_start(const char *const argv[], unsigned int seconds);

/** The same, until the program has ended. Returns its exit code, or -1 where it could not begin or was killed. */
int execute_run(const char *const argv[], unsigned int seconds);

/** In a child of execute_fork(): become the program argv[0], or come back where it is not there. */
void execute_become(const char *const argv[]);

#endif
