/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MACs and addresses, each of one machine on this host at a time. What is in
 * use is what records say (network.I.mac and network.I.address), so a claim
 * goes with its record; and the MAC of a VF in quarantine, which may still send.
 */
#ifndef WNODES_HELPER_NETWORK_CLAIM_H
#define WNODES_HELPER_NETWORK_CLAIM_H

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/record.h"

/**
 * Give each of the record's networks a MAC, out of its mac_pool or derived,
 * and where it has a pool of addresses one of them; under the lock of
 * helper/limits.h, and on disk before that is given back. Returns 0, or -EIO
 * with why (EXIT_NODE: a pool is empty).
 */
int claim_networks(const struct config *config, struct record *record, struct failure *why);

/* Numbers in use. */
struct claim_used {
	uint64_t *numbers;
	size_t count;
};

/** Add the MACs and addresses that a record's kv has. Returns 0 or -ENOMEM. */
int claim_add(struct claim_used *macs, struct claim_used *addresses, const struct kv *kv);

/** The first of [first, last] that is not in use, beginning at seed's place and going round; -ENOSPC: all are. */
int claim_find(const struct claim_used *used, uint64_t first, uint64_t last, uint64_t seed, uint64_t *number);

void claim_free(struct claim_used *used);

#endif
