/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/network_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

static int take_name(struct network_option *option, const char *text, size_t length, char *why, size_t size)
{
	char *name = option->names[option->count];

	if (length >= NETWORK_NAME_SIZE || str_print(name, NETWORK_NAME_SIZE, "%.*s", (int)length, text) < 0 ||
	    !str_is_name(name)) {
		(void)snprintf(why, size, "'%.*s' is not a network's name", length < 64 ? (int)length : 64, text);
		return -EINVAL;
	}
	option->count++;
	return 0;
}

int network_option_parse(struct network_option *option, const char *text, char *why, size_t size)
{
	const char *at = text;
	int rc = 0;

	*option = (struct network_option){0};
	why[0] = 0;
	while (rc == 0 && at) {
		size_t length = strcspn(at += strspn(at, " \t"), ", \t");
		const char *rest = at + length + strspn(at + length, " \t");

		if (option->count == NETWORKS_MAX) {
			(void)snprintf(why, size, "a machine has at most %u networks", NETWORKS_MAX);
			rc = -EINVAL;
		} else if (*rest && *rest != ',') {
			(void)snprintf(why, size, "'%.64s' is not NAME[,NAME...]", text);
			rc = -EINVAL;
		} else {
			rc = take_name(option, at, length, why, size);
		}
		at = *rest ? rest + 1 : NULL;
	}
	for (unsigned int i = 0; rc == 0 && option->count > 1 && i < option->count; i++) {
		if (strcmp(option->names[i], NETWORK_NONE) == 0) {
			(void)snprintf(why, size, NETWORK_NONE " goes with no other network");
			rc = -EINVAL;
		}
	}
	return rc;
}
