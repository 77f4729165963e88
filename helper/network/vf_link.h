/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an adapter's driver keeps of its virtual functions (VFs), over netlink
 * through the netdev of the physical function (PF). The kernel may be busy with the
 * adapter for ever: each call is bounded.
 */
#ifndef WNODES_HELPER_NETWORK_VF_LINK_H
#define WNODES_HELPER_NETWORK_VF_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/failure.h"

#define VF_MAX 256U           /* VFs of a PF */
#define VF_VLAN_PROTO 0x8100U /* 802.1Q */
#define VF_LINK_ADDRESSED 512U

/* spoofchk and trust: 1, 0, or -1 where the driver has no such thing. Rates are in Mbit/s, 0: no limit. */
struct vf_attributes {
	uint64_t mac;
	uint16_t vlan, vlan_proto; /* 0: none; in the host's order */
	uint32_t qos;
	int spoofchk, trust;
	uint32_t min_tx_rate, max_tx_rate;
	uint32_t link_state; /* IFLA_VF_LINK_STATE_AUTO, _ENABLE or _DISABLE */
};

/* A PF's. */
struct vf_table {
	uint64_t pf_mac;
	unsigned int count;
	bool known[VF_MAX];
	struct vf_attributes vfs[VF_MAX];
};

/* Indices of netdevs that have an IP address. */
struct vf_addressed {
	unsigned int count;
	int ifindex[VF_LINK_ADDRESSED];
};

struct nlmsghdr;

/** Read RTM_NEWLINK's VFs into table; 0, or -EPROTO where it is malformed. */
int vf_link_parse(const struct nlmsghdr *message, struct vf_table *table);

/** Read the attributes of the VFs of the PF that is netdev ifindex. Returns 0 or a negative errno. */
int vf_link_read(int ifindex, struct vf_table *table);

/** Which netdevs have an IP address. Returns 0 or a negative errno (-E2BIG: more than VF_LINK_ADDRESSED). */
int vf_link_addressed(struct vf_addressed *addressed);

/** Whether the two are the same; what a driver has not is what is off. */
bool vf_link_is(const struct vf_attributes *is, const struct vf_attributes *wanted);

/**
 * Make the attributes of VF index what is wanted, and read them back: a
 * driver that is busy is asked again for a second, what it does not support
 * must be so already. Returns 0, or -EIO with why (EXIT_NODE), which names
 * the attribute; -ENODEV where the PF or the VF is no more.
 */
int vf_link_write(int ifindex, unsigned int index, const struct vf_attributes *wanted, struct failure *why);

#endif
