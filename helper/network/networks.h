/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job's networks, all of them: from its wish to its record, and from there to the machine's description. */
#ifndef WNODES_HELPER_NETWORK_NETWORKS_H
#define WNODES_HELPER_NETWORK_NETWORKS_H

#include <sys/types.h>

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/record.h"

/**
 * Decide on the networks of a job that says --vm-network=text (NULL: nothing)
 * and fill the record's `networks` and network.I.KEY. Returns 0 or a negative
 * errno with why (EXIT_USAGE, EXIT_DENIED or EXIT_NODE).
 */
int networks_choose(const struct config *config, const char *text, struct record *record, struct failure *why);

/** Call lease() of each network that has one. Returns 0 or a negative errno with why. */
int networks_lease(const struct config *config, struct record *record, struct failure *why);

/** Make the record's networks and add their lines to the description. Returns 0 or a negative errno with why. */
int networks_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why);

#endif
