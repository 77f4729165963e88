/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/size.h"
#include "common/exitcode.h"
#include "common/str.h"

static int usage(void)
{
	fprintf(stderr, "wnodes: evict: usage: wnodes evict [--json] NAME|DIGEST|--all\n");
	return EXIT_USAGE;
}

static void print(const struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++) {
		const struct kv *block = &blocks->list[i];
		const char *digest = kv_get(block, "digest"), *image = kv_get(block, "image");
		const char *result = kv_get(block, "result"), *message = kv_get(block, "message");
		char size[SIZE_TEXT] = "-";
		uint64_t bytes;

		if (kv_get_u64(block, "size", 0, UINT64_MAX, &bytes) == 0)
			size_print(bytes, size);
		printf("%.12s %-24s %6s  %s%s%s\n", digest ? digest : "-", image ? image : "-", size,
		       result ? result : "?", message ? ": " : "", message ? message : "");
	}
}

int cli_evict(char **argv)
{
	const char *arguments[] = {"evict", NULL, NULL, NULL};
	struct blocks blocks = {0};
	bool json = false;
	int code;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0) {
			json = true;
		} else if (arguments[1]) {
			return usage();
		} else if (strcmp(*argv, "--all") == 0) {
			arguments[1] = *argv;
		} else if ((*argv)[0] != '-') {
			arguments[1] = str_is_sha256(*argv) ? "--digest" : "--image";
			arguments[2] = *argv;
		} else {
			return usage();
		}
	}
	if (!arguments[1])
		return usage();
	code = cli_helper(arguments, &blocks);
	if (json && (code == 0 || blocks.count > 0))
		cli_print_json(&blocks);
	else
		print(&blocks);
	blocks_free(&blocks);
	return code;
}
