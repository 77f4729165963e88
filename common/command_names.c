/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/command_names.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define SEPARATORS ", \t"

bool command_names_next(const char **list, char name[COMMAND_NAMES_MAX])
{
	size_t length;

	*list += strspn(*list, SEPARATORS);
	length = strcspn(*list, SEPARATORS);
	if (length == 0 || length >= COMMAND_NAMES_MAX)
		return false;
	memcpy(name, *list, length);
	name[length] = 0;
	*list += length;
	return true;
}

bool command_names_have(const char *list, const char *name)
{
	char one[COMMAND_NAMES_MAX];

	while (command_names_next(&list, one))
		if (strcmp(one, name) == 0)
			return true;
	return false;
}

void command_names_both(const char *a, const char *b, char list[COMMAND_NAMES_MAX])
{
	const char *all = COMMAND_NAMES;
	char name[COMMAND_NAMES_MAX];
	size_t used = 0;

	/* each name of the full list at most once: so the result fits */
	list[0] = 0;
	while (command_names_next(&all, name)) {
		if (!command_names_have(a, name) || !command_names_have(b, name))
			continue;
		if (used > 0)
			list[used++] = ',';
		memcpy(list + used, name, strlen(name) + 1);
		used += strlen(name);
	}
}

int command_names_parse(const char *text, char list[COMMAND_NAMES_MAX])
{
	const char *rest = text;
	char name[COMMAND_NAMES_MAX];
	size_t count = 0;

	list[0] = 0;
	if (strcmp(text, "no") == 0)
		return 0;
	if (strcmp(text, "yes") == 0)
		text = COMMAND_NAMES;
	for (rest = text; command_names_next(&rest, name); count++)
		if (!command_names_have(COMMAND_NAMES, name))
			return -EINVAL;
	if (count == 0 || *rest)
		return -EINVAL;
	command_names_both(text, text, list);
	return 0;
}
