/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A macvtap of the machine's on a netdev of the host's. Its character device
 * is root's, opened by libvirt and handed to QEMU as a descriptor.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "common/exitcode.h"
#include "helper/network/filter.h"
#include "helper/network/netdev.h"
#include "helper/network/network.h"

static uint32_t macvtap_mode(const char *mode)
{
	static const struct {
		const char *name;
		uint32_t mode;
	} modes[] = {{"vepa", MACVLAN_MODE_VEPA},
	             {"private", MACVLAN_MODE_PRIVATE},
	             {"passthru", MACVLAN_MODE_PASSTHRU},
	             {"bridge", MACVLAN_MODE_BRIDGE}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, mode) == 0)
			return modes[i].mode;
	return 0;
}

/* Find the device that the macvtap is to lie on. Returns 0 or a negative errno with why. */
static int device_find(struct rtnl *rtnl, const struct config_network *network, struct rtnl_link *device,
                       struct failure *why)
{
	int rc = rtnl_find(rtnl, network->device, device);

	if (rc < 0)
		return rtnl_failed(rtnl, rc, network->device, why);
	if (device->mac == 0)
		return failure_set(why, EXIT_NODE, "device %s is no Ethernet device, which a macvtap needs",
		                   network->device);
	if (!(device->flags & IFF_UP))
		return failure_set(why, EXIT_NODE, "device %s is down (ip link set %s up)", network->device,
		                   network->device);
	if (device->master != 0)
		return failure_set(why, EXIT_NODE,
		                   "device %s is a port of a bridge or bond, which takes all its frames",
		                   network->device);
	if (network->mtu > device->mtu)
		return failure_set(why, EXIT_NODE, "device %s has an MTU of %u: mtu = %u does not fit", network->device,
		                   device->mtu, network->mtu);
	return 0;
}

/* With passthru the kernel gives the machine's MAC to the device, and takes it back with the macvtap's end. */
static int macvtap_create(struct rtnl *rtnl, const char *name, const struct rtnl_link *device, uint64_t mac,
                          uint32_t mode)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_NEWLINK, AF_UNSPEC, 0, 0, 0);
	struct nlattr *info, *data;

	message->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_LINK, device->index);
	rtnl_put_mac(message, IFLA_ADDRESS, mac);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "macvtap");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u32(message, IFLA_MACVLAN_MODE, mode);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return rtnl_send(rtnl);
}

static int macvtap_configure(struct rtnl *rtnl, unsigned int macvtap, const struct netdev_wish *wish)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_NEWLINK, AF_UNSPEC, macvtap, 0, 0);

	rtnl_put_mac(message, IFLA_ADDRESS, wish->mac);
	mnl_attr_put_strz(message, IFLA_IFALIAS, wish->alias);
	rtnl_put_no_ipv6(message);
	return rtnl_send(rtnl);
}

static int macvtap_finish(struct rtnl *rtnl, const char *name, const struct netdev_wish *wish)
{
	struct rtnl_link macvtap;
	int rc = rtnl_find(rtnl, name, &macvtap);

	if (rc == 0)
		rc = macvtap_configure(rtnl, macvtap.index, wish);
	if (rc == 0 && wish->filtered)
		rc = filter_attach(rtnl, macvtap.index, true, wish->mac, wish->address);
	return rc == 0 ? rtnl_up(rtnl, macvtap.index) : rc;
}

static int macvtap_make_netdev(struct rtnl *rtnl, const void *context, struct failure *why)
{
	const struct netdev_making *making = context;
	const struct config_network *network = making->request->network;
	struct rtnl_link device = {0};
	struct netdev_wish wish;
	int rc = netdev_wish(making->request, &wish, why);

	if (rc == 0)
		rc = device_find(rtnl, network, &device, why);
	if (rc < 0)
		return rc;
	rc = macvtap_create(rtnl, making->name, &device, wish.mac, macvtap_mode(network->mode));
	if (rc == -EINVAL || rc == -EBUSY)
		return failure_set(why, EXIT_NODE,
		                   "device %s is taken: mode = passthru is for one machine at a time, and for none "
		                   "beside machines in another mode",
		                   network->device);
	if (rc == -EOPNOTSUPP)
		return failure_set(why, EXIT_NODE, "this kernel has no macvtap (modprobe macvtap)");
	if (rc < 0)
		return rtnl_failed(rtnl, rc, "a macvtap cannot be made", why);
	rc = macvtap_finish(rtnl, making->name, &wish);
	return rc < 0 ? netdev_failed(rtnl, rc, "a macvtap cannot be set up", why) : 0;
}

static int macvtap_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	return netdev_make(request, machine, network_macvtap.journal, macvtap_make_netdev, why);
}

static int macvtap_look(struct rtnl *rtnl, const void *context, struct failure *why)
{
	struct rtnl_link device = {0};

	return device_find(rtnl, context, &device, why);
}

static int macvtap_check(const struct config *config, const struct config_network *network, struct failure *why)
{
	(void)config;
	/* its line is wrong, which has been said */
	return network->device[0] ? netdev_ask(macvtap_look, network, why) : 0;
}

static int macvtap_remove(const char *argument, bool old_boot)
{
	return netdev_remove(argument, "macvtap", old_boot);
}

const struct network_ops network_macvtap = {.type = "macvtap",
                                            .make = macvtap_make,
                                            .check = macvtap_check,
                                            .journal = "macvtap",
                                            .remove = macvtap_remove};
