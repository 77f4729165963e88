/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domain's NICs. */
#ifndef WNODES_MONITOR_DOMAIN_NETWORK_H
#define WNODES_MONITOR_DOMAIN_NETWORK_H

#include "monitor/machine_network.h"
#include "monitor/xml.h"

/** Write one NIC, with virtio's model where it is a virtio device, at that slot of the root bus. */
void domain_write_network(struct xml *xml, const struct machine_network *network, const char *model, unsigned int slot);

#endif
