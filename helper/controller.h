/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked of slurmctld, as root, through libslurm and the configuration
 * that [site] slurm_conf names. In a child: libslurm ends a process that finds
 * no configuration, and waits long for a controller that does not answer.
 */
#ifndef WNODES_HELPER_CONTROLLER_H
#define WNODES_HELPER_CONTROLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper/failure.h"

#define CONTROLLER_GRES_MAX 4096U /* bytes of what a job has on one node */

/**
 * What the job has of the node's generic resources into
 * gres[CONTROLLER_GRES_MAX], as scontrol shows it: `gpu:tesla:2(IDX:0-1),nic(CNT:1)`,
 * "" for nothing. Returns 0 or -EIO with why (EXIT_NODE).
 */
int controller_gres(const char *node, uint32_t job, char *gres, struct failure *why);

/**
 * Drain the node: it gets no more jobs until an administrator resumes it. The
 * reason, which Slurm shows, is added to one that is there. Once: a node that
 * is drained for it stays as it is. Returns 0 or -EIO with why (EXIT_NODE).
 */
int controller_drain(const char *node, const char *reason, struct failure *why);

/**
 * Which indices of GRES name are in what controller_gres() found: into
 * indices[max], ascending as Slurm gives them. Returns how many (0: the job has
 * none of that name); -ERANGE where there are more than max; -ENODATA where Slurm
 * only counts them (gres.conf without File=); -EINVAL where the text is none of Slurm's.
 */
int controller_gres_indices(const char *gres, const char *name, unsigned int *indices, size_t max);

#endif
