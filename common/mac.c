/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/mac.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/sha256.h"

#define GROUP (UINT64_C(1) << 40)
#define LOCAL (UINT64_C(2) << 40)

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int mac_parse(const char *text, uint64_t *mac)
{
	uint64_t number = 0;

	if (strlen(text) != MAC_TEXT - 1)
		return -EINVAL;
	for (unsigned int i = 0; i < MAC_BYTES; i++, text += 3) {
		int high = digit(text[0]), low = digit(text[1]);

		if (high < 0 || low < 0 || text[2] != (i < MAC_BYTES - 1 ? ':' : 0))
			return -EINVAL;
		number = number << 8 | (uint64_t)(high << 4 | low);
	}
	*mac = number;
	return 0;
}

void mac_format(uint64_t mac, char *text)
{
	(void)snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(mac >> 40 & 0xff),
	               (unsigned int)(mac >> 32 & 0xff), (unsigned int)(mac >> 24 & 0xff),
	               (unsigned int)(mac >> 16 & 0xff), (unsigned int)(mac >> 8 & 0xff), (unsigned int)(mac & 0xff));
}

uint64_t mac_read(const uint8_t *bytes)
{
	uint64_t mac = 0;

	for (unsigned int i = 0; i < MAC_BYTES; i++)
		mac = mac << 8 | bytes[i];
	return mac;
}

void mac_write(uint64_t mac, uint8_t *bytes)
{
	for (unsigned int i = MAC_BYTES; i-- > 0; mac >>= 8)
		bytes[i] = (uint8_t)mac;
}

bool mac_is_unicast(uint64_t mac)
{
	return mac && !(mac & GROUP);
}

uint64_t mac_derive(const char *seed)
{
	unsigned char hash[SHA256_SIZE];

	sha256(seed, strlen(seed), hash);
	return (mac_read(hash) & ~GROUP) | LOCAL;
}
