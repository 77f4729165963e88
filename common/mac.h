/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MAC addresses, as numbers of 48 bits. No I/O. */
#ifndef WNODES_COMMON_MAC_H
#define WNODES_COMMON_MAC_H

#include <stdbool.h>
#include <stdint.h>

#define MAC_BYTES 6U
#define MAC_TEXT 18U /* bytes of xx:xx:xx:xx:xx:xx */

/** Parse xx:xx:xx:xx:xx:xx, the whole of text. Returns 0 or -EINVAL. */
int mac_parse(const char *text, uint64_t *mac);

/** Write mac into text[MAC_TEXT], in lower case. */
void mac_format(uint64_t mac, char *text);

/** Read and write one as the wire and the kernel have it, MAC_BYTES bytes. */
uint64_t mac_read(const uint8_t *bytes);
void mac_write(uint64_t mac, uint8_t *bytes);

/** Whether a NIC may have it: not a group's and not zero. */
bool mac_is_unicast(uint64_t mac);

/** A locally administered unicast address out of SHA-256 of seed, 46 bits of it. */
uint64_t mac_derive(const char *seed);

#endif
