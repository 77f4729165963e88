/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/size.h"
#include "common/exitcode.h"

#define DIGEST_SHOWN 12
#define HERE_TEXT 16U

static const char *get(const struct kv *block, const char *key)
{
	const char *value = kv_get(block, key);

	return value ? value : "-";
}

static bool is(const struct kv *block, const char *key, const char *value)
{
	return strcmp(get(block, key), value) == 0;
}

static void print_size(const struct kv *block, char *text)
{
	uint64_t bytes;

	if (kv_get_u64(block, "size", 0, UINT64_MAX, &bytes) == 0)
		size_print(bytes, text);
	else
		(void)snprintf(text, SIZE_TEXT, "-");
}

/* For a user whether he may; for root who may. Accounts and partitions are the job's, not the caller's. */
static void print_who(const struct kv *block)
{
	static const char *const rules[] = {"users", "groups", "accounts", "partitions"};
	const char *allowed = kv_get(block, "allowed"), *before = "";
	bool ruled = false;

	if (allowed) {
		printf("%s", allowed);
		before = strcmp(allowed, "yes") == 0 ? ", for " : NULL;
	}
	for (size_t i = allowed ? 2 : 0; before && i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *list = kv_get(block, rules[i]);

		if (!list)
			continue;
		printf("%s%s %s", before, rules[i], list);
		before = i == 0 ? " or " : ", for ";
		ruled = true;
	}
	if (!allowed && !ruled)
		printf("%s", is(block, "state", "broken") ? "-" : "everybody");
	printf("\n");
}

/* "yes", "no", "37 %" or "broken" into text[16]. */
static void print_here(const struct kv *block, char *text)
{
	const char *state = get(block, "state");
	uint64_t total = 0, here = 0;

	if (strcmp(state, "fetching") == 0 && kv_get_u64(block, "total", 1, UINT64_MAX, &total) == 0 &&
	    kv_get_u64(block, "transferred", 0, total, &here) == 0)
		(void)snprintf(text, HERE_TEXT, "%.0f %%", (double)here * 100 / (double)total);
	else
		(void)snprintf(text, HERE_TEXT, "%s",
		               strcmp(state, "present") == 0  ? "yes"
		               : strcmp(state, "absent") == 0 ? "no"
		                                              : state);
}

static void print_table(const struct blocks *blocks)
{
	char size[SIZE_TEXT], here[HERE_TEXT];

	printf("%-24s %-12s %6s %-10s %s\n", "NAME", "DIGEST", "SIZE", "HERE", geteuid() == 0 ? "WHO" : "MAY I");
	for (size_t i = 0; i < blocks->count; i++) {
		const struct kv *block = &blocks->list[i];

		print_size(block, size);
		print_here(block, here);
		printf("%-24s %-12.*s %6s %-10s ", get(block, "name"), DIGEST_SHOWN, get(block, "digest"), size, here);
		print_who(block);
		if (kv_get(block, "message"))
			printf("  %s\n", kv_get(block, "message"));
		if (kv_get(block, "why"))
			printf("  %s\n", kv_get(block, "why"));
	}
}

int cli_images(char **argv)
{
	const char *arguments[] = {"images", NULL};
	struct blocks blocks = {0};
	bool json = argv[0] && strcmp(argv[0], "--json") == 0;
	int code;

	if (argv[0] && (!json || argv[1])) {
		fprintf(stderr, "wnodes: images: '%s' is not expected: usage: wnodes images [--json]\n", argv[json]);
		return EXIT_USAGE;
	}
	code = cli_helper(arguments, &blocks);
	if (code == 0 && json)
		cli_print_json(&blocks);
	else if (code == 0)
		print_table(&blocks);
	blocks_free(&blocks);
	return code;
}
