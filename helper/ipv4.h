/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 addresses as numbers in the host's order; 0 is none. No I/O. */
#ifndef WNODES_HELPER_IPV4_H
#define WNODES_HELPER_IPV4_H

#include <stdint.h>

#define IPV4_TEXT 16U /* bytes of 255.255.255.255 */

/** Parse an address, the whole of text. Returns 0 or -EINVAL. */
int ipv4_parse(const char *text, uint32_t *address);

/** Parse ADDRESS/BITS, BITS being 1 to 31 of a network. Returns 0 or -EINVAL. */
int ipv4_parse_bits(const char *text, uint32_t *address, unsigned int *bits);

/** Write address into text[IPV4_TEXT]. */
void ipv4_format(uint32_t address, char *text);

#endif
