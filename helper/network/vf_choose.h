/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VF a job gets. */
#ifndef WNODES_HELPER_NETWORK_VF_CHOOSE_H
#define WNODES_HELPER_NETWORK_VF_CHOOSE_H

#include <stdbool.h>

#include "helper/config_network.h"
#include "helper/failure.h"
#include "helper/network/vf_lease.h"
#include "helper/topology.h"

/* NUMA nodes that the VF may be on. */
struct vf_nodes {
	bool any; /* every one, and unknown ones */
	unsigned int count;
	unsigned int nodes[TOPOLOGY_NODES];
};

/** Whether a VF on this node (VF_NODE_UNKNOWN: it is not known which) is on one of them. */
bool vf_nodes_have(const struct vf_nodes *nodes, int node);

/**
 * Find a VF of the network that is on one of the nodes, free, and leased to
 * nobody, on the PF of which jobs have the fewest; under the lock of the leases
 * (folder). lease receives vf, original and driver. mac is the machine's: none
 * that a VF, the PF or a lease has, but for the machine's own with the token own (NULL: none). Returns 0, or -EIO with
 * why (EXIT_NODE), which says what is in the way of each; -ENOENT where a VF is only not on these nodes. One about
 * which the kernel does not answer is passed over, and comes last; all of it takes some ten seconds at most.
 */
int vf_choose(int folder, const struct config_network *network, const struct vf_nodes *nodes, uint64_t mac,
              const char *own, struct vf_lease *lease, struct failure *why);

#endif
