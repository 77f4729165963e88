/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/check.h"

#include <stdio.h>
#include <string.h>

#include "common/exitcode.h"

static bool is_kind(const struct kv *block, const char *kind)
{
	const char *value = kv_get(block, "kind");

	return value && strcmp(value, kind) == 0;
}

/* Take out the block that is for us: slurmd_spool_dir, into spool[size]. */
static void take_spool(struct blocks *blocks, char *spool, size_t size)
{
	for (size_t i = 0; i < blocks->count; i++) {
		const char *value = kv_get(&blocks->list[i], "message");

		if (!is_kind(&blocks->list[i], "slurmd_spool_dir"))
			continue;
		(void)snprintf(spool, size, "%s", value ? value : "");
		kv_free(&blocks->list[i]);
		blocks->count--;
		memmove(&blocks->list[i], &blocks->list[i + 1], (blocks->count - i) * sizeof(blocks->list[0]));
		return;
	}
}

static void print(const struct blocks *blocks, unsigned int problems)
{
	for (size_t i = 0; i < blocks->count; i++) {
		const char *message = kv_get(&blocks->list[i], "message");

		printf("%s%s\n", is_kind(&blocks->list[i], "note") ? "note: " : "", message ? message : "?");
	}
	if (problems == 0)
		printf("no problem found\n");
}

int cli_check(char **argv)
{
	const char *arguments[] = {"check", NULL, NULL};
	struct blocks blocks = {0};
	char spool[512] = "";
	unsigned int problems = 0;
	bool json = false;
	int code;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0) {
			json = true;
		} else if (strcmp(*argv, "--deep") == 0) {
			arguments[1] = *argv;
		} else {
			fprintf(stderr, "wnodes: check: '%s' is not expected: usage: wnodes check [--deep] [--json]\n",
			        *argv);
			return EXIT_USAGE;
		}
	}
	code = cli_helper(arguments, &blocks);
	take_spool(&blocks, spool, sizeof(spool));
	if (code != 0 && (code != EXIT_NODE || blocks.count == 0)) {
		blocks_free(&blocks);
		return code;
	}
	problems = check_slurm(&blocks, spool[0] ? spool : NULL) + (code != 0);
	if (json)
		cli_print_json(&blocks);
	else
		print(&blocks, problems);
	blocks_free(&blocks);
	return problems ? EXIT_NODE : 0;
}
