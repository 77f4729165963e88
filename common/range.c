/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/range.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The number at *at, which moves behind it; false where none stands there, or one of more than 32 bits. */
static bool take_number(const char **at, uint32_t *number)
{
	const char *p = *at;
	uint32_t value = 0;

	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint32_t)(*p - '0'), &value))
			return false;
	if (p == *at)
		return false;
	*at = p;
	*number = value;
	return true;
}

bool range_next(const char **at, struct range *range)
{
	const char *p = *at;

	if (!take_number(&p, &range->first))
		return false;
	range->last = range->first;
	if (*p == '-' && (p++, !take_number(&p, &range->last) || range->last < range->first))
		return false;
	*at = p + (*p == ',' && is_digit(p[1]));
	return true;
}
