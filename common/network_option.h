/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The syntax of --vm-network: NAME[,NAME…]. No I/O. */
#ifndef WNODES_COMMON_NETWORK_OPTION_H
#define WNODES_COMMON_NETWORK_OPTION_H

#include <stddef.h>

#define NETWORKS_MAX 8U /* of a machine */
#define NETWORK_NAME_SIZE 65U
#define NETWORK_NONE "none"

/* The names, in their order; a machine gets a NIC for each. */
struct network_option {
	char names[NETWORKS_MAX][NETWORK_NAME_SIZE];
	unsigned int count;
};

/**
 * Parse text. Returns 0, or -EINVAL with what is wrong with it in why[size],
 * without the option's name.
 */
int network_option_parse(struct network_option *option, const char *text, char *why, size_t size);

#endif
