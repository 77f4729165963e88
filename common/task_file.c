/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/task_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/terminal.h"

static int check(const struct task_file *file)
{
	uint32_t streams = file->streams;

	if (streams == 0 || (streams & ~TERMINAL_STREAMS) != 0 ||
	    ((streams & TERMINAL_STDIN) && streams != TERMINAL_STDIN))
		return -EPROTO;
	if ((file->flags & ~(TASK_FILE_APPEND | TASK_FILE_ONE)) != 0)
		return -EPROTO;
	if (file->length == 0 || file->length > TASK_FILE_NAME_MAX || memchr(file->name, 0, file->length))
		return -EPROTO;
	for (size_t i = 0; (file->flags & TASK_FILE_ONE) && i < file->length; i++)
		if (file->name[i] < '0' || file->name[i] > '9')
			return -EPROTO;
	return 0;
}

size_t task_file_pack(uint8_t *out, const struct task_file *file)
{
	wire_put_u32(out, file->streams);
	wire_put_u32(out + 4, file->flags);
	memcpy(out + TASK_FILE_HEADER, file->name, file->length);
	return TASK_FILE_HEADER + file->length;
}

int task_file_unpack(const struct wire_attribute *attribute, struct task_file *file)
{
	if (attribute->length <= TASK_FILE_HEADER)
		return -EPROTO;
	*file = (struct task_file){.streams = wire_u32(attribute->bytes),
	                           .flags = wire_u32(attribute->bytes + 4),
	                           .name = (const char *)attribute->bytes + TASK_FILE_HEADER,
	                           .length = attribute->length - TASK_FILE_HEADER};
	return check(file);
}

char *task_file_print(const struct task_file *file)
{
	char *text = NULL;

	if (asprintf(&text, "%u:%u:%.*s", file->streams, file->flags, (int)file->length, file->name) < 0)
		return NULL;
	return text;
}

static int take_number(const char **value, uint32_t *number)
{
	if (**value < '0' || **value > '7' || (*value)[1] != ':')
		return -EINVAL;
	*number = (uint32_t)(**value - '0');
	*value += 2;
	return 0;
}

int task_file_parse(const char *value, struct task_file *file)
{
	*file = (struct task_file){0};
	if (take_number(&value, &file->streams) < 0 || take_number(&value, &file->flags) < 0)
		return -EINVAL;
	file->name = value;
	file->length = strlen(value);
	return check(file) < 0 ? -EINVAL : 0;
}
