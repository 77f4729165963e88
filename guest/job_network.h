/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job's networks: the attribute NETWORK of JOB. No I/O. */
#ifndef WNODES_GUEST_JOB_NETWORK_H
#define WNODES_GUEST_JOB_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "guest/rtnetlink.h"

#define JOB_NETWORK_ADDRESSES 4U /* at most, of each kind */

struct job_network {
	char name[65]; /* in the host's wnodes.conf */
	uint8_t mac[RTNETLINK_MAC];
	bool dhcp;
	uint32_t mtu;  /* 0: the NIC's own */
	uint32_t wait; /* seconds that READY waits for an address; 0: it does not */
	struct rtnetlink_address addresses[JOB_NETWORK_ADDRESSES], gateways[JOB_NETWORK_ADDRESSES],
	        dns[JOB_NETWORK_ADDRESSES];
	unsigned int address_count, gateway_count, dns_count;
};

/** Read the attribute's bytes into *network. Returns 0, or -EPROTO with *why (static). */
int job_network_parse(struct job_network *network, const uint8_t *bytes, size_t length, const char **why);

#endif
