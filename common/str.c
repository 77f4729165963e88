/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/str.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void str_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int str_u64(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	}
	if (value < min || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

int str_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	size_t length = strlen(text);
	const char *suffix = length ? strchr(suffixes, text[length - 1]) : NULL;
	char digits[24];
	uint64_t number;
	unsigned int shift = 0;
	int rc;

	if (suffix && *suffix) {
		shift = 10U * (unsigned int)(suffix - suffixes + 1);
		length--;
	}
	if (length >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, length);
	digits[length] = 0;
	rc = str_u64(digits, 0, UINT64_MAX >> shift, &number);
	if (rc == 0)
		*bytes = number << shift;
	return rc;
}

bool str_is_name(const char *text)
{
	size_t length = strlen(text);

	if (length < 1 || length > 64 || text[0] == '.' || text[0] == '-')
		return false;
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == length;
}

int str_word(const char *words, const char *text)
{
	size_t wanted = strlen(text);

	for (int i = 0; *words; i++) {
		size_t length = strcspn(words, ", ");

		if (length == wanted && strncmp(words, text, length) == 0)
			return i;
		words += length;
		words += strspn(words, ", ");
		words += strncmp(words, "or ", 3) == 0 ? 3 : 0;
	}
	return -1;
}

bool str_is_sha256(const char *text)
{
	return strspn(text, "0123456789abcdef") == 64 && !text[64];
}

bool str_is_path(const char *text)
{
	const char *part = text;

	if (text[0] != '/' || strlen(text) >= PATH_MAX)
		return false;
	while (part) {
		part++;
		size_t length = strcspn(part, "/");

		if ((length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part = strchr(part, '/');
	}
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

int str_print(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < size)
		return 0;
	buffer[0] = 0;
	return -ENAMETOOLONG;
}

void str_append(char *buffer, size_t size, int *rc, const char *format, ...)
{
	size_t used = strlen(buffer);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer + used, size - used, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= size - used)
		*rc = -ENAMETOOLONG;
}
