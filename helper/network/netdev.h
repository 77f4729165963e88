/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the netdevs that are made for machines have in common, taps and macvtaps. */
#ifndef WNODES_HELPER_NETWORK_NETDEV_H
#define WNODES_HELPER_NETWORK_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/network/network.h"
#include "helper/network/rtnl.h"

/* What was decided for the job. */
struct netdev_wish {
	uint64_t mac;
	uint32_t address; /* IPv4, the site's choice; 0: the guest has it from elsewhere */
	uint16_t vlan;    /* 0: none */
	bool filtered;    /* filter.h */
	char alias[96];   /* of the netdev, for people: whose it is */
};

/** Read it from the record. Returns 0 or -EIO with why (EXIT_NODE). */
int netdev_wish(const struct network_request *request, struct netdev_wish *wish, struct failure *why);

/* What is asked of the kernel, in a child that has none of the caller's descriptors: 0, or a negative errno with why.
 */
typedef int netdev_work(struct rtnl *rtnl, const void *context, struct failure *why);

/**
 * Do the work, which may never end, as helper/bounded.h does it. Returns 0, or
 * a negative errno with why (EXIT_NODE), which says so where the kernel does not answer.
 */
int netdev_ask(netdev_work *work, const void *context, struct failure *why);

/* The context of what makes a netdev. */
struct netdev_making {
	const struct network_request *request;
	const char *name; /* the netdev's */
};

/**
 * Have make make a netdev, journalled first under the kind journal, and tell
 * the machine description its name. Returns 0 or a negative errno with why.
 */
int netdev_make(const struct network_request *request, struct kv *machine, const char *journal, netdev_work *make,
                struct failure *why);

/** rtnl_failed(), with what to do where the kernel cannot filter. Returns -EIO. */
int netdev_failed(const struct rtnl *rtnl, int rc, const char *task, struct failure *why);

/**
 * Remove the netdev name of that kind. A name that is not a machine's or is of
 * another kind is left alone: -EINVAL. None outlives a reboot (old_boot). Returns
 * 0, also where there is none, or a negative errno.
 */
int netdev_remove(const char *name, const char *kind, bool old_boot);

#endif
