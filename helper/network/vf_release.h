/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a VF comes back: reset, put back as it was, seen to be so, and free; else it is quarantined. */
#ifndef WNODES_HELPER_NETWORK_VF_RELEASE_H
#define WNODES_HELPER_NETWORK_VF_RELEASE_H

#include "helper/failure.h"
#include "helper/network/vf_lease.h"

/**
 * Give back the VF that the lease with this token is of, when no process of
 * its machine is left. Idempotent; a VF that another token has is left alone.
 * One that cannot be restored stays with its lease, quarantined, and the node
 * is drained. Returns 0, also then; or -EIO with why (EXIT_NODE) where neither
 * could be done.
 */
int vf_release(const struct pci_address *pf, unsigned int index, const char *token, struct failure *why);

#endif
