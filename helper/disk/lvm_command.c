/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "helper/disk/lvm.h"

int lvm_command(struct lvm_command *command, const char *format, ...)
{
	va_list arguments;
	char *save = NULL;
	size_t count = 0;
	int length;

	va_start(arguments, format);
	length = vsnprintf(command->text, sizeof(command->text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(command->text))
		return -ENAMETOOLONG;
	command->argv[count++] = "lvm";
	for (char *word = strtok_r(command->text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (count == LVM_WORDS)
			return -ENAMETOOLONG;
		command->argv[count++] = word;
	}
	command->argv[count] = NULL;
	return 0;
}
