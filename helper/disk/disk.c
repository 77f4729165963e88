/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/disk.h"

#include <stddef.h>
#include <string.h>

const struct disk_ops *disk_find(const char *kind)
{
	static const struct disk_ops *const kinds[] = {&disk_overlay};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->kind, kind) == 0)
			return kinds[i];
	return NULL;
}
