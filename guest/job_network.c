/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/job_network.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/str.h"

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -EPROTO;
}

/* 4 or 16 bytes at the attribute's end, behind a byte with the prefix where it has one. */
static int take_address(struct rtnetlink_address *addresses, unsigned int *count,
                        const struct wire_attribute *attribute, bool has_prefix, const char **why)
{
	uint32_t length = attribute->length - (has_prefix ? 1 : 0);
	uint8_t bits = length == 16 ? 128 : 32;
	struct rtnetlink_address *to = addresses + *count;

	if (attribute->length == 0 || (length != 4 && length != 16))
		return refuse(why, "a network with an address of a strange length");
	if (*count == JOB_NETWORK_ADDRESSES)
		return refuse(why, "a network with too many addresses");
	*to = (struct rtnetlink_address){.family = length == 16 ? AF_INET6 : AF_INET,
	                                 .prefix = has_prefix ? attribute->bytes[0] : bits};
	if (to->prefix > bits || to->prefix == 0)
		return refuse(why, "a network with an address whose network has no such bits");
	memcpy(to->bytes, attribute->bytes + attribute->length - length, length);
	++*count;
	return 0;
}

static int take_name(struct job_network *network, const struct wire_attribute *attribute, const char **why)
{
	if (attribute->length >= sizeof(network->name) || !wire_is_text(attribute))
		return refuse(why, "a network whose name is none");
	memcpy(network->name, attribute->bytes, attribute->length);
	network->name[attribute->length] = 0;
	return str_is_name(network->name) ? 0 : refuse(why, "a network whose name is none");
}

static int take(struct job_network *network, const struct wire_attribute *attribute, const char **why)
{
	switch (attribute->tag) {
	case WIRE_NETWORK_NAME:
		return take_name(network, attribute, why);
	case WIRE_NETWORK_ADDRESS:
		return take_address(network->addresses, &network->address_count, attribute, true, why);
	case WIRE_NETWORK_GATEWAY:
		return take_address(network->gateways, &network->gateway_count, attribute, false, why);
	case WIRE_NETWORK_DNS:
		return take_address(network->dns, &network->dns_count, attribute, false, why);
	default:
		return 0;
	}
}

int job_network_parse(struct job_network *network, const uint8_t *bytes, size_t length, const char **why)
{
	struct wire_attribute attribute;
	size_t offset = WIRE_NETWORK_FIXED;
	int rc;

	*network = (struct job_network){0};
	*why = "a network that is not described whole";
	if (length < WIRE_NETWORK_FIXED)
		return -EPROTO;
	memcpy(network->mac, bytes, sizeof(network->mac));
	network->dhcp = bytes[6] & WIRE_NETWORK_DHCP;
	network->mtu = wire_u32(bytes + 8);
	network->wait = wire_u32(bytes + 12);
	while ((rc = wire_next_attribute(bytes, length, &offset, &attribute)) > 0) {
		rc = take(network, &attribute, why);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && !network->name[0])
		return refuse(why, "a network without a name");
	return rc;
}
