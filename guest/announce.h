/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbours that know an address as another machine's, which had it before, are told whose it is now. */
#ifndef WNODES_GUEST_ANNOUNCE_H
#define WNODES_GUEST_ANNOUNCE_H

#include "guest/rtnetlink.h"

/** Send a gratuitous ARP for the IPv4 address from the interface, as RFC 5227 says. Returns 0 or a negative errno. */
int announce(unsigned int index, const uint8_t mac[RTNETLINK_MAC], const struct rtnetlink_address *address);

#endif
