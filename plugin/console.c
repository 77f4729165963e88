/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/console.h"

#include <errno.h>
#include <string.h>

#include "common/str.h"

/* What the character after a per cent sign means; NULL: nothing. */
static const char *meaning(char letter, const char *job, const char *node)
{
	switch (letter) {
	case 'j':
		return job;
	case 'N':
		return node;
	case '%':
		return "%";
	default:
		return NULL;
	}
}

int console_path(const char *pattern, uint32_t job, const char *node, const char *folder, char *path, size_t size)
{
	char id[16], plain[2] = "";
	size_t used;
	int rc = str_print(id, sizeof(id), "%u", job);

	while (strncmp(pattern, "./", 2) == 0)
		pattern += 2;
	if (!*pattern || (*pattern != '/' && !folder))
		return -EINVAL;
	if (rc == 0)
		rc = str_print(path, size, "%s%s", *pattern == '/' ? "" : folder, *pattern == '/' ? "" : "/");
	used = strlen(path);
	for (const char *p = pattern; rc == 0 && *p; p++) {
		const char *text = plain;

		plain[0] = *p;
		if (*p == '%')
			text = meaning(*++p, id, node);
		if (!text)
			return -EINVAL;
		rc = str_print(path + used, size - used, "%s", text);
		used += strlen(path + used);
	}
	return rc;
}
