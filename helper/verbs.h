/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs, one file each; main.c's table says who may call them. Each returns an exit code. */
#ifndef WNODES_HELPER_VERBS_H
#define WNODES_HELPER_VERBS_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/args.h"
#include "helper/failure.h"
#include "helper/harden.h"

typedef int verb(const struct caller *caller, const struct args *args, struct failure *why);

verb verb_prepare, verb_allocate, verb_start, verb_destroy, verb_sweep, verb_status;
verb verb_check, verb_images, verb_fetch, verb_evict;

#define DESTROY_KILL_MS 25000U /* a large machine gives its memory back for so long */

/**
 * Unmake all that is left of job on node, whatever incarnation: processes,
 * disk, network, cgroups, folders, record. Idempotent; bounded: of each
 * incarnation the processes have ms to go, the rest takes some seconds. With
 * report, says on standard error why the machine had failed where that was the
 * node's or the machine's doing. Returns 0 or a negative errno with why; what
 * could not be unmade keeps its record.
 */
int destroy_job(const char *node, uint32_t job, bool report, unsigned int ms, struct failure *why);

#endif
