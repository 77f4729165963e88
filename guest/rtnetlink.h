/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's network interfaces, over rtnetlink as Linux 2.6.32 has it. An
 * interface is known by its number: udev may rename it at any moment.
 */
#ifndef WNODES_GUEST_RTNETLINK_H
#define WNODES_GUEST_RTNETLINK_H

#include <stdbool.h>
#include <stdint.h>

#define RTNETLINK_NAME 16U
#define RTNETLINK_MAC 6U

/* An IPv4 or IPv6 address. */
struct rtnetlink_address {
	int family;     /* AF_INET or AF_INET6; 0: none */
	uint8_t prefix; /* bits of the network */
	uint8_t bytes[16];
};

struct rtnetlink_link {
	unsigned int index, mtu;
	bool is_up; /* by an administrator */
	char name[RTNETLINK_NAME];
};

/* What the interfaces with one MAC address have. */
struct rtnetlink_state {
	bool carrier; /* one is up, and its other end, too */
	bool address; /* that others can reach: not of the link alone, nor still being looked for twice */
	bool route;   /* a default route leads there */
};

/**
 * A socket that can be read when an interface, an address or a route has
 * changed, non-blocking. The descriptor or a negative errno.
 */
int rtnetlink_listen(void);

/** Read what is there to be read, and forget it. */
void rtnetlink_drain(int fd);

/**
 * Find the Ethernet interface with the MAC address; of several (a bridge has
 * that of its first port) the oldest. Returns 0, -ENODEV where there is none,
 * or another negative errno.
 */
int rtnetlink_find(const uint8_t mac[RTNETLINK_MAC], struct rtnetlink_link *link);

/** Look at all interfaces with the MAC address: an address may be a bridge's. Returns 0 or a negative errno. */
int rtnetlink_look(const uint8_t mac[RTNETLINK_MAC], struct rtnetlink_state *state);

/** Set the interface up or down. Returns 0 or a negative errno. */
int rtnetlink_set_up(unsigned int index, bool up);

/** Set its MTU in bytes. Returns 0 or a negative errno. */
int rtnetlink_set_mtu(unsigned int index, unsigned int mtu);

/** Add or remove an address. Returns 0, -EEXIST, -EADDRNOTAVAIL, or another negative errno. */
int rtnetlink_set_address(unsigned int index, const struct rtnetlink_address *address, bool there);

/** Remove all its addresses, as far as that can be done. */
void rtnetlink_flush(unsigned int index);

/**
 * Add the default route by gateway, which need not lie in a network of the
 * interface; of several the one with the lowest metric is taken. Returns 0,
 * -EEXIST, or another negative errno.
 */
int rtnetlink_add_route(unsigned int index, const struct rtnetlink_address *gateway, uint32_t metric);

#endif
