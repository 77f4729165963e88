/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/network.h"

#include <stddef.h>
#include <string.h>

const struct network_ops *network_find(const char *type)
{
	static const struct network_ops *const kinds[] = {&network_user, &network_none};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->type, type) == 0)
			return kinds[i];
	return NULL;
}
