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

struct findings {
	struct blocks blocks;
	struct check_site site;
};

/* A block of the helper's: what has been found, or what is to be compared with slurm.conf. */
static int keep(void *context, struct kv *block)
{
	struct findings *findings = context;
	const char *value = kv_get(block, "message");

	if (is_kind(block, "partition"))
		return blocks_add(&findings->site.partitions, block);
	if (!is_kind(block, "slurmd_spool_dir"))
		return blocks_add(&findings->blocks, block);
	(void)snprintf(findings->site.spool, sizeof(findings->site.spool), "%s", value ? value : "");
	return 0;
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
	struct findings findings = {0};
	struct blocks *blocks = &findings.blocks;
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
	code = cli_helper_each(arguments, keep, &findings);
	/* without a finding its code is the helper's own failure */
	if (code == 0 || (code == EXIT_NODE && blocks->count > 0)) {
		problems = check_slurm(blocks, &findings.site) + (code != 0);
		code = problems ? EXIT_NODE : 0;
		if (json)
			cli_print_json(blocks);
		else
			print(blocks, problems);
	}
	blocks_free(&findings.site.partitions);
	blocks_free(blocks);
	return code;
}
