/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line. */
#ifndef WNODES_FETCH_ARGS_H
#define WNODES_FETCH_ARGS_H

#include <stdbool.h>

#include "fetch/fault.h"
#include "fetch/get.h"

enum verb { VERB_GET, VERB_DIGEST, VERB_INSPECT };

struct args {
	enum verb verb;
	struct get_options get; /* of get */
	int fd;                 /* of digest and inspect */
	bool qcow2;             /* of inspect: declared so, else raw */
	const char *qemu_img;   /* of inspect: a path */
};

/**
 * Parse argv, and read the descriptor of --sources: a URL a line. They are not
 * in argv, which /proc shows to everybody, since they may hold passwords.
 * Returns 0, or -EIO with a fault of EXIT_USAGE or
 * EXIT_NODE; args_free() in either case.
 */
int args_parse(struct args *args, int argc, char **argv, struct fault *fault);

void args_free(struct args *args);

#endif
