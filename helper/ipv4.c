/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/ipv4.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/str.h"

int ipv4_parse(const char *text, uint32_t *address)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1 || in.s_addr == 0)
		return -EINVAL;
	*address = ntohl(in.s_addr);
	return 0;
}

int ipv4_parse_bits(const char *text, uint32_t *address, unsigned int *bits)
{
	const char *slash = strchr(text, '/');
	char copy[IPV4_TEXT];
	uint64_t number;

	if (!slash || str_print(copy, sizeof(copy), "%.*s", (int)(slash - text), text) < 0 ||
	    str_u64(slash + 1, 1, 31, &number) < 0)
		return -EINVAL;
	*bits = (unsigned int)number;
	return ipv4_parse(copy, address);
}

void ipv4_format(uint32_t address, char *text)
{
	const struct in_addr in = {.s_addr = htonl(address)};

	(void)inet_ntop(AF_INET, &in, text, IPV4_TEXT);
}
