/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's netdevs, over rtnetlink(7): one request at a time, each
 * acknowledged. A request is begun, gets attributes by libmnl's functions, and
 * is sent. Indices of netdevs hold as long as the netdev does; names may pass
 * to another one.
 */
#ifndef WNODES_HELPER_NETWORK_RTNL_H
#define WNODES_HELPER_NETWORK_RTNL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "helper/failure.h"

#define RTNL_REQUEST_MAX 4096U
#define RTNL_ANSWER_MAX 262144U /* what the kernel sends at once: a netdev with all its VFs */
#define RTNL_MS 5000            /* to wait for an answer */

/* rtnl_close() when done. */
struct rtnl {
	struct mnl_socket *socket;
	uint32_t sequence;
	struct nlmsghdr *request; /* the one that was begun, in */
	char space[RTNL_REQUEST_MAX] __attribute__((aligned(8)));
	char said[128]; /* the kernel's own words on the last refusal, or "" */
};

/* A netdev, as far as it matters to machines. */
struct rtnl_link {
	unsigned int index;
	unsigned int master; /* of the bridge or bond it is a port of, 0: none */
	unsigned int flags;  /* IFF_* */
	unsigned int mtu;    /* bytes */
	uint64_t mac;        /* 0: it has none of 48 bits */
	char kind[16];       /* bridge, tun, macvtap, …; "" for hardware */
	bool vlan_filtering; /* a bridge that looks at VLANs, */
	uint16_t pvid;       /* and the one that it gives to new ports; 0: none */
};

/** Open a socket in this process's network namespace. Returns 0 or a negative errno. */
int rtnl_open(struct rtnl *rtnl);
void rtnl_close(struct rtnl *rtnl);

/** Begin a request, whose flags are NLM_F_*, NLM_F_REQUEST among them anyway. */
struct nlmsghdr *rtnl_begin(struct rtnl *rtnl, uint16_t type, uint16_t flags);

/** The same for a netdev: its struct ifinfomsg is there, with index, and with the bits of change set to flags. */
struct nlmsghdr *rtnl_begin_link(struct rtnl *rtnl, uint16_t type, unsigned char family, unsigned int index,
                                 unsigned int flags, unsigned int change);

/**
 * Send the request and wait for its acknowledgement, RTNL_MS at most.
 * Returns 0, the kernel's negative errno, or -ETIMEDOUT.
 */
int rtnl_send(struct rtnl *rtnl);

/** The same, calling each for every message of the answer; what it returns, if negative, is the result. */
int rtnl_ask(struct rtnl *rtnl, int (*each)(const struct nlmsghdr *message, void *context), void *context);

/** Look a netdev up by its name. Returns 0, -ENODEV or another negative errno. */
int rtnl_find(struct rtnl *rtnl, const char *name, struct rtnl_link *link);

/** Remove a netdev. Returns 0, also where there is none of that index, or a negative errno. */
int rtnl_remove(struct rtnl *rtnl, unsigned int index);

/** Set a netdev up. Returns 0 or a negative errno. */
int rtnl_up(struct rtnl *rtnl, unsigned int index);

/** Put a MAC, a number of 48 bits, into the request. */
void rtnl_put_mac(struct nlmsghdr *message, uint16_t type, uint64_t mac);

/** Whether no IPv6 address shall come to the netdev by itself: into the request. */
void rtnl_put_no_ipv6(struct nlmsghdr *message);

/** "TASK: " and rc in words, with what the kernel said, into why (EXIT_NODE). Returns -EIO. */
int rtnl_failed(const struct rtnl *rtnl, int rc, const char *task, struct failure *why);

#endif
