/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's side of the protocol (channel 0), and the agent's loop. */
#ifndef WNODES_GUEST_MACHINE_H
#define WNODES_GUEST_MACHINE_H

struct machine_options {
	const char *path; /* open this instead of the virtio-serial port; or NULL */
	int fd;           /* or use this descriptor, once; or -1 */
	const char *etc;  /* folder of passwd and group */
};

/**
 * Be the agent until SIGTERM, SIGINT or SIGHUP, or, with a descriptor, until
 * the host is gone. Changes signal dispositions and the mask of the process,
 * and closes all descriptors but 0 to 2 and the given one. The log goes to the
 * kernel's, with a port or a descriptor of the caller's to standard error.
 * All tasks are killed when it returns. Returns the exit code.
 */
int machine_run(const struct machine_options *options);

#endif
