/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the machine is called: hostname, /etc/hosts, /etc/machine-id. */
#ifndef WNODES_GUEST_NAMES_H
#define WNODES_GUEST_NAMES_H

#include "guest/job.h"

/**
 * The text of hosts with a line for hostname (and for what precedes its first
 * dot), in place of the line that an earlier call made. *text is from malloc.
 * Returns 0 or -ENOMEM.
 */
int names_hosts(const char *old, const char *hostname, char **text);

/**
 * Set the hostname, make it known in the files hostname and hosts of the
 * folder etc, and write machine-id there; each where JOB gives it. What cannot
 * be done is logged.
 */
void names_apply(const struct job *job, const char *etc);

#endif
