/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/access.h"

#include <stddef.h>
#include <string.h>

#include "common/str.h"
#include "helper/list.h"

static const struct {
	const char *key;
	size_t offset;
} lists[] = {
        {"users", offsetof(struct image, users)},
        {"groups", offsetof(struct image, groups)},
        {"accounts", offsetof(struct image, accounts)},
        {"partitions", offsetof(struct image, partitions)},
};

bool image_access_has(const char *key)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(key, lists[i].key) == 0)
			return true;
	return false;
}

const char *image_access_take(struct image *image, struct ini_file *file, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(key, lists[i].key) == 0 && list_is_valid(value) &&
		    str_print((char *)image + lists[i].offset, IMAGE_LIST, "%s", value) == 0)
			return NULL;
	return ini_file_error(file, "%s is a list of names separated by commas", key);
}
