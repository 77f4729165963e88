/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/guest_network.h"

#include <string.h>

#include "common/str.h"
#include "common/wire.h"

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

int guest_network_packet(const struct machine_network *network, char *text, size_t size)
{
	char servers[256];
	int rc = str_print(servers, sizeof(servers), "%s", or_none(network->dns));

	/* where the description has blanks the packet has commas: these end its words */
	for (char *blank = servers; (blank = strchr(blank, ' ')); blank++)
		*blank = ',';
	if (rc < 0)
		return rc;
	return str_print(text, size, "network %s %u %u %u %s %s %s %s", network->mac,
	                 network->dhcp ? WIRE_NETWORK_DHCP : 0U, network->mtu, network->wait, network->name,
	                 or_none(network->address), or_none(network->gateway), servers);
}
