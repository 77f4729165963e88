/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/exitcode.h"

static const struct verb {
	const char *name, *arguments, *help;
	int (*function)(char **argv);
} verbs[] = {
        {"images", "[--json]", "the images of this node's catalogue, and which of them you may use", cli_images},
        {"status", "[--json] [JOB]", "the virtual machines of your jobs on this node (root: of all jobs)", cli_status},
        {"console", "[--node NODE] JOB", "the serial console of your job's virtual machine on this node", cli_console},
        {"fetch", "[--json] NAME", "bring an image to this node, if it is not there", cli_fetch},
        {"prestage", "NAME -w NODES|-p PARTITION", "bring an image to many nodes, through Slurm", cli_prestage},
        {"evict", "[--json] NAME|DIGEST|--all", "remove images from this node's cache (root)", cli_evict},
        {"check", "[--deep] [--json]", "all that is wrong with this node's configuration (root)", cli_check},
        {"sweep", "[--keep-quarantine]", "remove what jobs that are gone left on this node (root)", cli_sweep},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void usage(FILE *stream)
{
	fputs("usage: wnodes VERB …\n", stream);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(stream, "  wnodes %-8s %-26s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	fputs("See wnodes(1).\n", stream);
}

/* A success whose output did not arrive is none. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "wnodes: standard output cannot be written: %s\n", strerror(errno));
	return code ? code : EXIT_NODE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return finish(0);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("wnodes " WNODES_VERSION);
		return finish(0);
	}
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return finish(verbs[i].function(argv + 2));
	fprintf(stderr, "wnodes: unknown verb '%s': see wnodes --help\n", argv[1]);
	return EXIT_USAGE;
}
