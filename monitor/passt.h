/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The passts that serve the machine's networks of type user: one for each,
 * started by the owner as the job's user, in the machine's cgroup. Each takes
 * the connection that QEMU makes to a socket of ours, enters namespaces of its
 * own with an empty root directory, gives itself a filter of system calls, and
 * opens sockets on the host for what the guest sends.
 */
#ifndef WNODES_MONITOR_PASST_H
#define WNODES_MONITOR_PASST_H

#include "monitor/owner.h"

/** Bring what they need of the host, before the namespace is closed. As passt_start(). */
int passt_open(struct owner *owner, char *why);

/**
 * Start them, inside the namespace, before QEMU. Returns 0, or a negative
 * errno with the step in why[NAMESPACE_WHY_MAX].
 */
int passt_start(struct owner *owner, char *why);

#endif
