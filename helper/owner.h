/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who owns a job on this node: Slurm's own extern step answers, no controller is asked. */
#ifndef WNODES_HELPER_OWNER_H
#define WNODES_HELPER_OWNER_H

#include <stdint.h>
#include <sys/types.h>

/**
 * Ask the extern slurmstepd of job on node, by its socket in the folder
 * spool, whose the job is. Returns 0 and *uid; -ENOENT where no such step
 * listens (the job is not, or no longer, on this node); -EPERM where the
 * socket is not root's; other errors say nothing about the job. May wait for a slurmstepd that does not answer: the
 * verb's alarm bounds it.
 */
int owner_of_job(const char *spool, const char *node, uint32_t job, uid_t *uid);

#endif
