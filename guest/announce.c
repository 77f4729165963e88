/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int announce(unsigned int index, const uint8_t mac[RTNETLINK_MAC], const struct rtnetlink_address *address)
{
	struct sockaddr_ll to = {
	        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)index, .sll_halen = 6};
	struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
	                                   .ar_pro = htons(ETHERTYPE_IP),
	                                   .ar_hln = RTNETLINK_MAC,
	                                   .ar_pln = 4,
	                                   .ar_op = htons(ARPOP_REQUEST)}};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	memset(to.sll_addr, 0xff, RTNETLINK_MAC);
	memcpy(arp.arp_sha, mac, RTNETLINK_MAC);
	memcpy(arp.arp_spa, address->bytes, 4);
	memcpy(arp.arp_tpa, address->bytes, 4);
	if (sendto(fd, &arp, sizeof(arp), MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
