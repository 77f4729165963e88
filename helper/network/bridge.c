/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap of the machine's as a port of the site's bridge. It is root's, opened
 * by libvirt and handed to QEMU as a descriptor. The bridge learns nothing
 * from it, knows the machine's MAC instead, and gives it no frames for others.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "common/str.h"
#include "helper/network/filter.h"
#include "helper/network/netdev.h"
#include "helper/network/network.h"
#include "helper/network/rtnl.h"

#define TUN "/dev/net/tun"

/* Find the bridge and see that it can be used. Returns 0 or a negative errno with why. */
static int bridge_find(struct rtnl *rtnl, const struct config_network *network, uint16_t vlan, struct rtnl_link *bridge,
                       struct failure *why)
{
	int rc = rtnl_find(rtnl, network->bridge, bridge);

	if (rc < 0)
		return rtnl_failed(rtnl, rc, network->bridge, why);
	if (strcmp(bridge->kind, "bridge") != 0)
		return failure_set(why, EXIT_NODE, "%s is no bridge of the kernel's", network->bridge);
	if (!(bridge->flags & IFF_UP))
		return failure_set(why, EXIT_NODE, "bridge %s is down (ip link set %s up)", network->bridge,
		                   network->bridge);
	if (vlan != 0 && !bridge->vlan_filtering)
		return failure_set(why, EXIT_NODE,
		                   "bridge %s does not filter VLANs, so a machine cannot be kept in VLAN %u (ip link "
		                   "set %s type bridge vlan_filtering 1)",
		                   network->bridge, vlan, network->bridge);
	if (network->mtu > bridge->mtu)
		return failure_set(why, EXIT_NODE, "bridge %s has an MTU of %u: mtu = %u does not fit", network->bridge,
		                   bridge->mtu, network->mtu);
	return 0;
}

/* A persistent tap which needs CAP_NET_ADMIN to be opened: without an owner anybody could. */
static int tap_create(const char *name)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL)};
	int rc, fd = open(TUN, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	rc = str_print(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (rc == 0 && (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOWNER, 0UL) < 0 ||
	                ioctl(fd, TUNSETGROUP, 0UL) < 0 || ioctl(fd, TUNSETPERSIST, 1UL) < 0))
		rc = -errno;
	close(fd);
	return rc;
}

/*
 * MAC: of the highest kind, so that the bridge never takes it for its own. MTU:
 * the bridge's, which it would lower to a port's. In the bridge before it is up.
 */
static int tap_enslave(struct rtnl *rtnl, unsigned int tap, const struct rtnl_link *bridge,
                       const struct netdev_wish *wish)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_NEWLINK, AF_UNSPEC, tap, 0, 0);
	int rc;

	rtnl_put_mac(message, IFLA_ADDRESS, (wish->mac & UINT64_C(0x00ffffffffff)) | UINT64_C(0xfe0000000000));
	mnl_attr_put_u32(message, IFLA_MTU, bridge->mtu);
	mnl_attr_put_strz(message, IFLA_IFALIAS, wish->alias);
	rtnl_put_no_ipv6(message);
	rc = rtnl_send(rtnl);
	if (rc < 0)
		return rc;
	message = rtnl_begin_link(rtnl, RTM_NEWLINK, AF_UNSPEC, tap, 0, 0);
	mnl_attr_put_u32(message, IFLA_MASTER, bridge->index);
	return rtnl_send(rtnl);
}

/* locked, since 5.18: frames from a MAC that the bridge does not know behind this port are dropped there, too. */
static int port_set(struct rtnl *rtnl, unsigned int tap)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_SETLINK, AF_BRIDGE, tap, 0, 0);
	struct nlattr *port = mnl_attr_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);

	mnl_attr_put_u8(message, IFLA_BRPORT_LEARNING, 0);
	mnl_attr_put_u8(message, IFLA_BRPORT_UNICAST_FLOOD, 0);
	mnl_attr_put_u8(message, IFLA_BRPORT_GUARD, 1);
	mnl_attr_put_u8(message, IFLA_BRPORT_PROTECT, 1);
	mnl_attr_put_u8(message, IFLA_BRPORT_MODE, 0);
	mnl_attr_put_u8(message, IFLA_BRPORT_MCAST_FLOOD, 1);
	mnl_attr_put_u8(message, IFLA_BRPORT_LOCKED, 1);
	mnl_attr_nest_end(message, port);
	return rtnl_send(rtnl);
}

/* RTM_SETLINK adds, RTM_DELLINK removes a VLAN of the port's. */
static int port_vlan(struct rtnl *rtnl, uint16_t type, unsigned int tap, uint16_t vlan)
{
	struct bridge_vlan_info info = {.flags = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, .vid = vlan};
	struct nlmsghdr *message = rtnl_begin_link(rtnl, type, AF_BRIDGE, tap, 0, 0);
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);

	mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(message, families);
	return rtnl_send(rtnl);
}

/* In this VLAN alone, without a tag. */
static int port_only_vlan(struct rtnl *rtnl, unsigned int tap, const struct rtnl_link *bridge, uint16_t vlan)
{
	int rc = 0;

	if (vlan == 0 || vlan == bridge->pvid)
		return 0;
	if (bridge->pvid != 0)
		rc = port_vlan(rtnl, RTM_DELLINK, tap, bridge->pvid);
	return rc < 0 ? rc : port_vlan(rtnl, RTM_SETLINK, tap, vlan);
}

/* The machine's MAC is behind this port; vlan 0: the bridge knows none. */
static int port_mac(struct rtnl *rtnl, unsigned int tap, uint64_t mac, uint16_t vlan)
{
	struct nlmsghdr *message = rtnl_begin(rtnl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(message, sizeof(*neighbour));

	neighbour->ndm_family = AF_BRIDGE;
	neighbour->ndm_ifindex = (int)tap;
	neighbour->ndm_state = NUD_NOARP | NUD_REACHABLE;
	neighbour->ndm_flags = NTF_MASTER;
	rtnl_put_mac(message, NDA_LLADDR, mac);
	if (vlan != 0)
		mnl_attr_put_u16(message, NDA_VLAN, vlan);
	return rtnl_send(rtnl);
}

/* Make name a port of the bridge, with everything that keeps it apart, then set it up. */
static int bridge_join(struct rtnl *rtnl, const char *name, const struct netdev_wish *wish,
                       const struct rtnl_link *bridge)
{
	uint16_t vlan = wish->vlan ? wish->vlan : bridge->pvid;
	struct rtnl_link tap;
	int rc = rtnl_find(rtnl, name, &tap);

	if (rc == 0 && wish->filtered)
		rc = filter_attach(rtnl, tap.index, false, wish->mac, wish->address);
	if (rc == 0)
		rc = tap_enslave(rtnl, tap.index, bridge, wish);
	if (rc == 0 && wish->filtered)
		rc = port_set(rtnl, tap.index);
	if (rc == 0)
		rc = port_only_vlan(rtnl, tap.index, bridge, wish->vlan);
	if (rc == 0 && wish->filtered)
		rc = port_mac(rtnl, tap.index, wish->mac, bridge->vlan_filtering ? vlan : 0);
	return rc == 0 ? rtnl_up(rtnl, tap.index) : rc;
}

static int bridge_make_port(struct rtnl *rtnl, const void *context, struct failure *why)
{
	const struct netdev_making *making = context;
	const struct config_network *network = making->request->network;
	struct rtnl_link bridge = {0};
	struct netdev_wish wish;
	int rc = netdev_wish(making->request, &wish, why);

	if (rc == 0)
		rc = bridge_find(rtnl, network, wish.vlan, &bridge, why);
	if (rc < 0)
		return rc;
	if (wish.mac == bridge.mac)
		return failure_set(why, EXIT_NODE, "the machine's MAC is bridge %s's own", network->bridge);
	rc = tap_create(making->name);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "a tap cannot be made with " TUN ": %s", strerror(-rc));
	rc = bridge_join(rtnl, making->name, &wish, &bridge);
	return rc < 0 ? netdev_failed(rtnl, rc, "a tap cannot be made a port of the bridge", why) : 0;
}

static int bridge_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	return netdev_make(request, machine, network_bridge.journal, bridge_make_port, why);
}

/* One that a machine may be in; 0: there is none. */
static uint16_t some_vlan(const struct config_network *network)
{
	uint16_t vlan = network->vlan == CONFIG_VLAN_UNSAID ? 0 : network->vlan;

	for (unsigned int i = 0; vlan == 0 && i < network->account_vlan_count; i++)
		vlan = network->account_vlans[i].vlan;
	for (unsigned int i = 0; vlan == 0 && i < network->group_vlan_count; i++)
		vlan = network->group_vlans[i].vlan;
	return vlan;
}

static int bridge_look(struct rtnl *rtnl, const void *context, struct failure *why)
{
	const struct config_network *network = context;
	struct rtnl_link bridge = {0};

	return bridge_find(rtnl, network, some_vlan(network), &bridge, why);
}

static int bridge_check(const struct config *config, const struct config_network *network, struct failure *why)
{
	int rc;

	(void)config;
	/* its line is wrong, which has been said */
	if (!network->bridge[0])
		return 0;
	rc = netdev_ask(bridge_look, network, why);
	if (rc == 0 && access(TUN, F_OK) < 0)
		rc = failure_set(why, EXIT_NODE, TUN ": %s (modprobe tun)", strerror(errno));
	return rc;
}

static int bridge_remove(const char *argument, bool old_boot)
{
	return netdev_remove(argument, "tun", old_boot);
}

const struct network_ops network_bridge = {
        .type = "bridge", .make = bridge_make, .check = bridge_check, .journal = "tap", .remove = bridge_remove};
