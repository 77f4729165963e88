/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's networks, as the monitor says them: attributes NETWORK of JOB. */
#include "run/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mac.h"
#include "common/str.h"

#define NONE "-"

/* An attribute NETWORK that is being made. */
struct network {
	uint8_t bytes[512];
	size_t used;
};

static int put(struct network *network, uint16_t tag, const void *bytes, size_t length)
{
	if (wire_attribute_size(length) > sizeof(network->bytes) - network->used)
		return -EINVAL;
	network->used += wire_put_attribute(network->bytes + network->used, tag, bytes, length);
	return 0;
}

/* An IPv4 or IPv6 address, behind which /BITS stands where tag is that of an address. */
static int put_address(struct network *network, uint16_t tag, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	uint8_t bytes[1 + 16];
	const char *slash = strchr(text, '/');
	size_t has_bits = tag == WIRE_NETWORK_ADDRESS ? 1 : 0;
	uint64_t bits = 0;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if ((slash != NULL) != (has_bits != 0) ||
	    str_print(address, sizeof(address), "%.*s", (int)(slash ? slash - text : (long)strlen(text)), text) < 0 ||
	    (slash && str_u64(slash + 1, 1, family == AF_INET ? 32 : 128, &bits) < 0) ||
	    inet_pton(family, address, bytes + has_bits) != 1)
		return -EINVAL;
	if (has_bits)
		bytes[0] = (uint8_t)bits;
	return put(network, tag, bytes, has_bits + (family == AF_INET ? 4 : 16));
}

static int put_addresses(struct network *network, uint16_t tag, char *text)
{
	char *rest = NULL;
	int rc = 0;

	if (strcmp(text, NONE) == 0)
		return 0;
	for (char *word = strtok_r(text, ",", &rest); rc == 0 && word; word = strtok_r(NULL, ",", &rest))
		rc = put_address(network, tag, word);
	return rc;
}

int relay_job_network(struct relay_job *job, const char *text)
{
	char mac[MAC_TEXT], name[65], addresses[256], gateways[256], dns[256];
	struct network network = {.used = WIRE_NETWORK_FIXED};
	unsigned int flags, mtu, wait;
	uint64_t number;
	uint8_t *room;
	int rc;

	if (sscanf(text, "%17s %1u %5u %5u %64s %255s %255s %255s", mac, &flags, &mtu, &wait, name, addresses, gateways,
	           dns) != 8 ||
	    mac_parse(mac, &number) < 0)
		return -EINVAL;
	mac_write(number, network.bytes);
	network.bytes[6] = (uint8_t)flags;
	wire_put_u32(network.bytes + 8, mtu);
	wire_put_u32(network.bytes + 12, wait);
	rc = put(&network, WIRE_NETWORK_NAME, name, strlen(name));
	if (rc == 0)
		rc = put_addresses(&network, WIRE_NETWORK_ADDRESS, addresses);
	if (rc == 0)
		rc = put_addresses(&network, WIRE_NETWORK_GATEWAY, gateways);
	if (rc == 0)
		rc = put_addresses(&network, WIRE_NETWORK_DNS, dns);
	if (rc < 0)
		return rc;
	room = queue_reserve(&job->networks, wire_attribute_size(network.used));
	if (!room)
		return -ENOMEM;
	job->needs_networks |= mtu || wait || strcmp(addresses, NONE) != 0;
	queue_commit(&job->networks, wire_put_attribute(room, WIRE_NETWORK, network.bytes, network.used));
	return 0;
}
