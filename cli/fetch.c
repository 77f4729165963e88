/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/size.h"
#include "common/exitcode.h"

struct fetch {
	struct progress progress;
	struct blocks last; /* the block that says how it ended */
	bool json;
};

static bool is(const struct kv *block, const char *key, const char *value)
{
	const char *is = kv_get(block, key);

	return is && strcmp(is, value) == 0;
}

static int take(void *context, struct kv *block)
{
	struct fetch *fetch = context;

	if (is(block, "state", "present") || is(block, "state", "failed"))
		return blocks_add(&fetch->last, block);
	if (!fetch->json)
		progress_show(&fetch->progress, block);
	return 0;
}

static void print(const char *name, const struct kv *block)
{
	uint64_t bytes = 0, ms = 0;
	char size[SIZE_TEXT];

	if (!is(block, "state", "present"))
		return;
	(void)kv_get_u64(block, "size", 0, UINT64_MAX, &bytes);
	(void)kv_get_u64(block, "ms", 0, UINT64_MAX, &ms);
	size_print(bytes, size);
	if (is(block, "fetched", "yes"))
		printf("%s: %s, fetched in %.1f s\n", name, size, (double)ms / 1000);
	else
		printf("%s: %s, here already\n", name, size);
}

/* For prestage: which node says so. */
static void add_node(struct blocks *blocks, const char *name, int code)
{
	const char *node = getenv("SLURMD_NODENAME");
	struct kv block = {0};

	if (blocks->count == 0 && kv_set(&block, "state", "failed") == 0 && kv_set(&block, "image", name) == 0)
		(void)blocks_add(blocks, &block);
	kv_free(&block);
	if (blocks->count == 1) {
		(void)kv_set(&blocks->list[0], "node", node);
		(void)kv_setf(&blocks->list[0], "code", "%d", code);
	}
}

int cli_fetch(char **argv)
{
	struct fetch fetch = {.progress = {.terminal = isatty(STDERR_FILENO)}};
	const char *arguments[] = {"fetch", "--image", NULL, NULL};
	const char *name = NULL;
	int code;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0) {
			fetch.json = true;
		} else if (!name && (*argv)[0] != '-') {
			name = *argv;
		} else {
			name = NULL;
			break;
		}
	}
	if (!name) {
		fprintf(stderr, "wnodes: fetch: usage: wnodes fetch [--json] NAME\n");
		return EXIT_USAGE;
	}
	arguments[2] = name;
	code = cli_helper_each(arguments, take, &fetch);
	progress_end(&fetch.progress);
	if (fetch.json) {
		add_node(&fetch.last, name, code);
		cli_print_json(&fetch.last);
	} else if (code == 0 && fetch.last.count == 1) {
		print(name, &fetch.last.list[0]);
	}
	blocks_free(&fetch.last);
	return code;
}
