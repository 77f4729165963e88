/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/list.h"

#include <string.h>

/* The name that *list points to without blanks around it; advances *list past its comma, NULL at the end. */
static const char *list_next(const char **list, size_t *length)
{
	const char *name = *list + strspn(*list, " \t");
	const char *end = name + strcspn(name, ",");

	*list = *end ? end + 1 : NULL;
	while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*length = (size_t)(end - name);
	return name;
}

bool list_is_valid(const char *list)
{
	size_t length = 1;

	while (list && length > 0)
		(void)list_next(&list, &length);
	return length > 0;
}

bool list_has(const char *list, const char *name, size_t length)
{
	while (list) {
		size_t entry;
		const char *text = list_next(&list, &entry);

		if (entry == length && entry > 0 && memcmp(text, name, length) == 0)
			return true;
	}
	return false;
}
