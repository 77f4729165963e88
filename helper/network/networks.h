/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job's networks, all of them: from its wish to its record, and from there to the machine's description. */
#ifndef WNODES_HELPER_NETWORK_NETWORKS_H
#define WNODES_HELPER_NETWORK_NETWORKS_H

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/policy.h"
#include "helper/record.h"

/**
 * Decide on the networks of a job that says --vm-network=text (NULL: nothing,
 * it gets [policy] network) and fill the record's `networks` and
 * network.I.name, type and vlan. Returns 0, or with why -EINVAL (EXIT_USAGE),
 * -EACCES (EXIT_DENIED) or -EIO.
 */
int networks_choose(const struct config *config, const char *text, const struct policy_job *job, struct record *record,
                    struct failure *why);

/**
 * Give each of the record's networks what is its alone: a MAC and an address
 * (helper/network/claim.h), and what its kind leases. Returns 0, or a negative
 * errno with why.
 */
int networks_lease(const struct config *config, struct record *record, struct failure *why);

/**
 * Make what the record's networks need on the host, and add their lines to the
 * description, which has its uuid. Returns 0 or a negative errno with why.
 */
int networks_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why);

#endif
