/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/size.h"

#define BAR 24U
#define LINE_SECONDS 10 /* between lines where there is no terminal */

static uint64_t number(const struct kv *block, const char *key)
{
	uint64_t value = 0;

	return kv_get_u64(block, key, 0, UINT64_MAX, &value) < 0 ? 0 : value;
}

static bool is_verifying(const struct kv *block)
{
	const char *state = kv_get(block, "state");

	return state && strcmp(state, "verifying") == 0;
}

void progress_text(const struct kv *block, char *text)
{
	uint64_t total = number(block, "total"), here = number(block, "transferred"), rate = number(block, "rate");
	char size[SIZE_TEXT];
	int used;

	if (is_verifying(block)) {
		(void)snprintf(text, PROGRESS_TEXT, "being verified");
		return;
	}
	size_print(here, size);
	if (total > 0 && here <= total)
		used = snprintf(text, PROGRESS_TEXT, "%.0f %%", (double)here * 100 / (double)total);
	else
		used = snprintf(text, PROGRESS_TEXT, "%s", size);
	if (rate == 0)
		return;
	size_print(rate, size);
	used += snprintf(text + used, PROGRESS_TEXT - (size_t)used, ", %s/s", size);
	if (total > here)
		(void)snprintf(text + used, PROGRESS_TEXT - (size_t)used, ", %" PRIu64 " s left",
		               (total - here + rate - 1) / rate);
}

void progress_bar(const struct kv *block, char *bar)
{
	uint64_t total = number(block, "total"), here = number(block, "transferred");
	size_t filled;

	bar[0] = 0;
	if (is_verifying(block) || total == 0 || here > total)
		return;
	filled = (size_t)((double)here * BAR / (double)total);
	memset(bar, '-', BAR);
	memset(bar, '#', filled < BAR ? filled : BAR);
	bar[BAR] = 0;
}

void progress_show(struct progress *progress, const struct kv *block)
{
	char text[PROGRESS_TEXT], bar[BAR + 1];
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	progress_text(block, text);
	if (progress->terminal) {
		progress_bar(block, bar);
		fprintf(stderr, "\r%s: %s%s%s%s\033[K", progress->name, bar[0] ? "[" : "", bar, bar[0] ? "] " : "",
		        text);
		progress->drawn = true;
	} else if (progress->said == 0 || now.tv_sec - progress->said >= LINE_SECONDS) {
		fprintf(stderr, "wnodes: %s: %s\n", progress->name, text);
		progress->said = now.tv_sec;
	}
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\r\033[K");
	progress->drawn = false;
}
