/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/header.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/str.h"

#define VALUE 512U

/* The digits at text as a number; where they end is *end. */
static int number_at(const char *text, const char **end, uint64_t *number)
{
	char digits[24];
	size_t length = strspn(text, "0123456789");

	*end = text + length;
	if (length == 0 || str_print(digits, sizeof(digits), "%.*s", (int)length, text) < 0)
		return -EINVAL;
	return str_u64(digits, 0, INT64_MAX, number);
}

int header_range(const char *value, uint64_t *begin, uint64_t *total)
{
	uint64_t last;

	if (strncasecmp(value, "bytes ", 6) != 0)
		return -EINVAL;
	if (number_at(value + 6, &value, begin) < 0 || *value++ != '-')
		return -EINVAL;
	if (number_at(value, &value, &last) < 0 || *value++ != '/' || last < *begin)
		return -EINVAL;
	*total = NOTES_UNKNOWN;
	if (strcmp(value, "*") == 0)
		return 0;
	/* a part that ends before the whole does is none that we asked for */
	return number_at(value, &value, total) < 0 || *value != 0 || last + 1 != *total ? -EINVAL : 0;
}

static bool is_text(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	return true;
}

static void set_field(struct header *header, const char *name, const char *value)
{
	if (strcasecmp(name, "ETag") == 0 && is_text(value))
		(void)str_print(header->etag, sizeof(header->etag), "%s", value);
	else if (strcasecmp(name, "Last-Modified") == 0 && is_text(value))
		(void)str_print(header->modified, sizeof(header->modified), "%s", value);
	else if (strcasecmp(name, "Content-Encoding") == 0)
		header->encoded = strcasecmp(value, "identity") != 0;
	else if (strcasecmp(name, "Content-Range") == 0)
		header->has_range = header_range(value, &header->begin, &header->total) == 0;
}

void header_line(struct header *header, const char *line, size_t length)
{
	char text[VALUE];
	char *colon, *value;

	if (length >= 5 && strncmp(line, "HTTP/", 5) == 0) {
		*header = (struct header){0};
		return;
	}
	/* one that is longer is none that we know */
	if (length >= sizeof(text) || memchr(line, 0, length))
		return;
	memcpy(text, line, length);
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	text[length] = 0;
	colon = strchr(text, ':');
	if (!colon)
		return;
	*colon = 0;
	value = colon + 1;
	value += strspn(value, " \t");
	set_field(header, text, value);
}
