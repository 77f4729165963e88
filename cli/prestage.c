/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/fanout.h"
#include "cli/nodes.h"
#include "cli/size.h"
#include "common/exitcode.h"
#include "common/str.h"

#define SECONDS 60U /* for Slurm to start it */
#define MINUTES 65U /* [fetch] timeout's default, and some for the digest */

struct prestage {
	struct fanout fanout;
	const char *list;
	bool json;
};

static int usage(const char *what)
{
	fprintf(stderr,
	        "wnodes: prestage: %s: usage: wnodes prestage [--json] [--wait SECONDS] [--time MINUTES] NAME -w "
	        "NODES|-p PARTITION\n",
	        what);
	return EXIT_USAGE;
}

static int parse(struct prestage *prestage, char **argv)
{
	uint64_t minutes = MINUTES, seconds = SECONDS;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0) {
			prestage->json = true;
		} else if (strcmp(*argv, "-w") == 0 && argv[1]) {
			prestage->list = *++argv;
		} else if (strcmp(*argv, "-p") == 0 && argv[1]) {
			prestage->fanout.partition = *++argv;
		} else if (strcmp(*argv, "--time") == 0 && argv[1]) {
			if (str_u64(*++argv, 1, 1440, &minutes) < 0)
				return usage("--time is a number of minutes from 1 to 1440");
		} else if (strcmp(*argv, "--wait") == 0 && argv[1]) {
			if (str_u64(*++argv, 1, 86400, &seconds) < 0)
				return usage("--wait is a number of seconds from 1 to 86400");
		} else if ((*argv)[0] != '-' && !prestage->fanout.image) {
			prestage->fanout.image = *argv;
		} else {
			return usage("an argument is not known, or has no value");
		}
	}
	prestage->fanout.minutes = (unsigned int)minutes;
	prestage->fanout.seconds = (unsigned int)seconds;
	if (!prestage->fanout.image)
		return usage("an image's name is wanted");
	return prestage->list || prestage->fanout.partition ? 0 : usage("say on which nodes");
}

/* What became of a node in the words of a row: its answer, or an answer made of why it has none. */
static int complete(struct node *node)
{
	struct kv *answer = &node->answer;
	int rc = kv_set(answer, "node", node->name);

	if (kv_get(answer, "state"))
		return rc;
	if (rc == 0)
		rc = kv_set(answer, "state", node->is_up ? "failed" : "down");
	if (rc == 0)
		rc = kv_setf(answer, "code", "%d", EXIT_NODE);
	if (rc == 0 && !node->is_up)
		rc = kv_setf(answer, "message", "to Slurm the node is %s", node->state);
	else if (rc == 0)
		rc = kv_set(answer, "message", node->why);
	return rc;
}

static bool is(const struct kv *block, const char *key, const char *value)
{
	const char *is = kv_get(block, key);

	return is && strcmp(is, value) == 0;
}

static void print_row(const struct kv *answer)
{
	const char *message = kv_get(answer, "message"), *state = kv_get(answer, "state");
	char size[SIZE_TEXT] = "-", time[32] = "-";
	uint64_t number;

	if (kv_get_u64(answer, "size", 0, UINT64_MAX, &number) == 0)
		size_print(number, size);
	if (kv_get_u64(answer, "ms", 0, UINT64_MAX, &number) == 0)
		(void)snprintf(time, sizeof(time), "%.1f s", (double)number / 1000);
	if (is(answer, "state", "present") && is(answer, "fetched", "yes"))
		state = "fetched";
	printf("%-20s %-8s %6s %10s%s%s\n", kv_get(answer, "node"), state, size, time, message ? "  " : "",
	       message ? message : "");
}

/* 0 where all nodes have it; the code that all others end with; else 75. */
static int judge(const struct blocks *rows)
{
	int result = 0;

	for (size_t i = 0; i < rows->count; i++) {
		uint64_t code = 0;

		if (is(&rows->list[i], "state", "present"))
			continue;
		if (kv_get_u64(&rows->list[i], "code", 1, 255, &code) < 0)
			code = EXIT_NODE;
		result = result == 0 || result == (int)code ? (int)code : EXIT_NODE;
	}
	return result;
}

static int finish(const struct prestage *prestage, struct nodes *nodes)
{
	struct blocks rows = {0};
	int code;

	for (size_t i = 0; i < nodes->count; i++) {
		if (complete(&nodes->list[i]) < 0 || blocks_add(&rows, &nodes->list[i].answer) < 0) {
			fprintf(stderr, "wnodes: prestage: out of memory\n");
			blocks_free(&rows);
			return EXIT_NODE;
		}
	}
	if (prestage->json)
		cli_print_json(&rows);
	else
		printf("%-20s %-8s %6s %10s\n", "NODE", "RESULT", "SIZE", "TIME");
	for (size_t i = 0; i < rows.count && !prestage->json; i++)
		print_row(&rows.list[i]);
	code = judge(&rows);
	blocks_free(&rows);
	return code;
}

int cli_prestage(char **argv)
{
	struct prestage prestage = {.fanout.terminal = isatty(STDERR_FILENO)};
	char program[PATH_MAX], why[512];
	struct nodes nodes = {0};
	int code = parse(&prestage, argv);
	ssize_t length;

	if (code != 0)
		return code;
	/* the same path on the nodes: srun would look the name up here */
	length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[length > 0 ? length : 0] = 0;
	prestage.fanout.program = program;
	if (nodes_load(&nodes, prestage.list, prestage.list ? NULL : prestage.fanout.partition, why, sizeof(why)) < 0) {
		fprintf(stderr, "wnodes: prestage: %s\n", why);
		nodes_free(&nodes);
		return EXIT_NODE;
	}
	if (fanout(&prestage.fanout, &nodes) < 0) {
		fprintf(stderr, "wnodes: prestage: srun cannot be executed: no processes or memory left\n");
		code = EXIT_NODE;
	} else {
		code = finish(&prestage, &nodes);
	}
	nodes_free(&nodes);
	return code;
}
