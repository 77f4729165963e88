/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine may not send into a network that it shares with others. The
 * guest is its user's, root and kernel included, and its frames go out as they
 * are: a filter of the kernel's, on the netdev through which they come, drops
 * what no guest of the site needs to send and what deceives others:
 *
 *   - frames from another MAC than the machine's
 *   - frames with a VLAN tag, whatever the bridge makes of them
 *   - frames to the bridges and switches themselves (01:80:c2:00:00:00 to 3f:
 *     spanning tree, LACP, 802.1X, LLDP, GVRP; 01:00:0c:…: CDP, VTP, DTP and
 *     spanning tree in another maker's way), and those that stop a link (PAUSE)
 *   - where the machine's IPv4 address is the site's choice: ARP and IPv4 from
 *     another one, but 0.0.0.0, and probes whether another one is in use
 *   - the answers of DHCP and DHCPv6 servers, from whatever port, router
 *     advertisements, redirects of ICMP and ICMPv6; and IPv6 behind headers that
 *     would hide these (a fragment's, and a listener's report, are looked behind)
 */
#ifndef WNODES_HELPER_NETWORK_FILTER_H
#define WNODES_HELPER_NETWORK_FILTER_H

#include <linux/filter.h>

#include "helper/network/rtnl.h"

#define FILTER_STEPS 128U

/**
 * The program for a machine's MAC and, unless it is 0, IPv4 address, into
 * steps[FILTER_STEPS]; their number. It returns TC_ACT_OK or TC_ACT_SHOT.
 */
unsigned int filter_program(uint64_t mac, uint32_t address, struct sock_filter *steps);

/**
 * Have it done on what comes into the netdev from the machine (a tap's
 * ingress), or where sends what goes out of it (a macvtap's egress). Before
 * the netdev is up. Returns 0 or a negative errno: -EOPNOTSUPP, -ENOENT where
 * the kernel has no clsact or cls_bpf.
 */
int filter_attach(struct rtnl *rtnl, unsigned int index, bool sends, uint64_t mac, uint32_t address);

#endif
