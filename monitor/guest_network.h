/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest is to know of a NIC, as the monitor says it to the relay. */
#ifndef WNODES_MONITOR_GUEST_NETWORK_H
#define WNODES_MONITOR_GUEST_NETWORK_H

#include <stddef.h>

#include "monitor/machine_network.h"

/**
 * The packet for the relay (relay_job_network()) into text[size]: "network
 * MAC FLAGS MTU WAIT NAME ADDRESS/BITS GATEWAY SERVER,SERVER", with - for
 * what there is not. Returns 0 or -ENAMETOOLONG.
 */
int guest_network_packet(const struct machine_network *network, char *text, size_t size);

#endif
