/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/list.h"

#include <string.h>

/* The entry that *list begins with, without blanks around it; advances *list past its comma, NULL at the end. */
static const char *find_entry(const char **list, size_t *length)
{
	const char *entry = *list + strspn(*list, " \t");
	const char *end = entry + strcspn(entry, ",");

	*list = *end ? end + 1 : NULL;
	while (end > entry && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*length = (size_t)(end - entry);
	return entry;
}

const char *list_next(const char *list, char *entry, size_t size)
{
	size_t length;
	const char *text = find_entry(&list, &length);

	if (length >= size)
		length = 0;
	memcpy(entry, text, length);
	entry[length] = 0;
	return list;
}

bool list_is_valid(const char *list)
{
	size_t length = 1;

	while (list && length > 0)
		(void)find_entry(&list, &length);
	return length > 0;
}

bool list_has(const char *list, const char *name, size_t length)
{
	while (list) {
		size_t entry;
		const char *text = find_entry(&list, &entry);

		if (entry == length && entry > 0 && memcmp(text, name, length) == 0)
			return true;
	}
	return false;
}
