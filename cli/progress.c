/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

void progress_bar(const struct kv *block, char *bar)
{
	uint64_t total = number(block, "total"), here = number(block, "transferred");
	size_t filled;

	bar[0] = 0;
	if (is_verifying(block) || total == 0 || here > total)
		return;
	filled = (size_t)((double)here * PROGRESS_BAR / (double)total);
	memset(bar, '-', PROGRESS_BAR);
	memset(bar, '#', filled < PROGRESS_BAR ? filled : PROGRESS_BAR);
	bar[PROGRESS_BAR] = 0;
}

void progress_show(struct progress *progress, const struct kv *block)
{
	const char *text = kv_get(block, "message");
	char bar[PROGRESS_BAR + 1];
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (!text)
		return;
	if (progress->terminal) {
		progress_bar(block, bar);
		fprintf(stderr, "\r%s%s%s%s\033[K", bar[0] ? "[" : "", bar, bar[0] ? "] " : "", text);
		progress->drawn = true;
	} else if (progress->said == 0 || now.tv_sec - progress->said >= LINE_SECONDS) {
		fprintf(stderr, "wnodes: %s\n", text);
		progress->said = now.tv_sec;
	}
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\r\033[K");
	progress->drawn = false;
}
