/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "common/str.h"
#include "helper/image/cache.h"

/* A number of bytes as people say it. */
static void text_bytes(char *text, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	uint64_t whole = bytes, tenths = 0;
	size_t unit = 0;

	while (whole >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenths = whole % 1000 / 100;
		whole /= 1000;
		unit++;
	}
	if (unit > 0 && whole < 10)
		(void)str_print(text, size, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths, units[unit]);
	else
		(void)str_print(text, size, "%" PRIu64 " %s", whole, units[unit]);
}

static void text_left(char *text, size_t size, uint64_t seconds)
{
	if (seconds < 120)
		(void)str_print(text, size, "%" PRIu64 " s left", seconds);
	else
		(void)str_print(text, size, "%" PRIu64 " min left", (seconds + 59) / 60);
}

void cache_progress_text(const struct cache_progress *progress, const char *name, char *text, size_t size)
{
	char rate[32], left[32], done[32];
	uint64_t total = progress->total, transferred = progress->transferred;

	text_bytes(rate, sizeof(rate), progress->rate);
	text_bytes(done, sizeof(done), transferred);
	if (progress->verifying)
		(void)str_print(text, size, "%s: fetched, being verified", name);
	else if (transferred == 0)
		(void)str_print(text, size, "%s: being fetched", name);
	else if (total < transferred || progress->rate == 0)
		(void)str_print(text, size, "%s: %s, %s/s", name, done, rate);
	else {
		text_left(left, sizeof(left), (total - transferred) / progress->rate);
		(void)str_print(text, size, "%s: %" PRIu64 " %%, %s/s, %s", name,
		                (uint64_t)((double)transferred / (double)total * 100), rate, left);
	}
}
