/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "helper/fs.h"

#define SUFFIX ".conf"
#define SUFFIX_LENGTH (sizeof(SUFFIX) - 1)

static int add(struct image_names *names, const char *name, size_t length)
{
	char **list = reallocarray(names->list, names->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	names->list = list;
	list[names->count] = strndup(name, length);
	if (!list[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int image_names_load(struct image_names *names)
{
	int fd = fs_open_folder(WNODES_IMAGES_D, 0);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!folder) {
		rc = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length > SUFFIX_LENGTH && strcmp(entry->d_name + length - SUFFIX_LENGTH, SUFFIX) == 0)
			rc = add(names, entry->d_name, length - SUFFIX_LENGTH);
	}
	closedir(folder);
	if (rc == 0 && names->count > 0)
		qsort(names->list, names->count, sizeof(*names->list), compare);
	return rc;
}

void image_names_free(struct image_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct image_names){0};
}
