/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command wnodes: one function per verb, each in a file of its own. */
#ifndef WNODES_CLI_H
#define WNODES_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/kv.h"

/* A list of flat blocks, as the helper prints them. Zero-initialise; blocks_free() when done. */
struct blocks {
	struct kv *list;
	size_t count;
};

/**
 * Run the helper with these arguments (NULL-terminated, from its verb on),
 * its stderr ours, and parse what it prints. Returns its exit code;
 * EXIT_NODE, said on stderr, where it cannot be run or understood.
 */
int cli_helper(const char *const *arguments, struct blocks *blocks);

void blocks_free(struct blocks *blocks);

/** Print the blocks as a JSON array of objects; numbers stay texts but for those that are decimal. */
void cli_print_json(const struct blocks *blocks);

/** `wnodes status [--json] [JOB]`. argv is NULL-terminated, after the verb. Returns the exit code. */
int cli_status(char **argv);

/** `wnodes images [--json]`. */
int cli_images(char **argv);

/** `wnodes console [--node NODE] JOB`. */
int cli_console(char **argv);

/** `wnodes check [--deep] [--json]`. */
int cli_check(char **argv);

/** `wnodes sweep`. */
int cli_sweep(char **argv);

#endif
