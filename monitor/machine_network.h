/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NICs of the machine description, network.I.KEY, I from 0. */
#ifndef WNODES_MONITOR_MACHINE_NETWORK_H
#define WNODES_MONITOR_MACHINE_NETWORK_H

#include <stdbool.h>

#include "common/kv.h"
#include "common/network_option.h"

enum machine_network_kind { MACHINE_USER, MACHINE_BRIDGE, MACHINE_MACVTAP, MACHINE_SRIOV };

/* The texts point into the kv. */
struct machine_network {
	const char *name; /* in wnodes.conf */
	enum machine_network_kind kind;
	const char *mac;    /* xx:xx:xx:xx:xx:xx */
	const char *target; /* the netdev of bridge and macvtap */
	const char *pci;    /* the VF of sriov, DDDD:BB:SS.F */
	bool passt;         /* user: passt serves it, else QEMU itself */

	/* for the guest */
	bool dhcp;
	const char *address; /* ADDRESS/BITS; NULL: none is set */
	const char *gateway; /* NULL: none */
	const char *dns;     /* addresses separated by blanks; NULL: none */
	unsigned int mtu;    /* 0: its own */
	unsigned int wait;   /* seconds that the first task waits for the NIC's address; 0: it does not */
};

/**
 * Read `networks` and what belongs to each into networks[NETWORKS_MAX].
 * Returns their number, or -EINVAL with the key that is wrong in *key and what
 * is in *problem; both texts live until the next call.
 */
int machine_network_read(const struct kv *kv, struct machine_network *networks, const char **key, const char **problem);

#endif
