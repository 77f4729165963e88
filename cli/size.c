/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/size.h"

#include <stdio.h>

void size_print(uint64_t bytes, char *text)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	double number = (double)bytes;

	/* what would be rounded to 1000 has the next unit */
	while (number >= 999.5 && unit < sizeof(units) - 2) {
		number /= 1024;
		unit++;
	}
	if (unit == 0 || number >= 9.95)
		(void)snprintf(text, SIZE_TEXT, "%.0f%c", number, units[unit]);
	else
		(void)snprintf(text, SIZE_TEXT, "%.1f%c", number, units[unit]);
}
