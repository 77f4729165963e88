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

/** Append a block, which is emptied. Returns 0 or -ENOMEM. */
int blocks_add(struct blocks *blocks, struct kv *block);

/** One block of the helper's; a negative errno ends it all. What is taken out of block stays the taker's. */
typedef int cli_block(void *context, struct kv *block);

/** As cli_helper(), each block as soon as it comes. */
int cli_helper_each(const char *const *arguments, cli_block *each, void *context);

/** Print the blocks as a JSON array of objects; numbers stay texts but for those that are decimal. */
void cli_print_json(const struct blocks *blocks);

/** `wnodes status [--json] [JOB]`. argv is NULL-terminated, after the verb. Returns the exit code. */
int cli_status(char **argv);

/** `wnodes images [--json]`. */
int cli_images(char **argv);

/** `wnodes fetch [--json] NAME`. */
int cli_fetch(char **argv);

/** `wnodes evict [--json] NAME|DIGEST|--all`. */
int cli_evict(char **argv);

/** `wnodes prestage [--json] [--wait SECONDS] [--time MINUTES] NAME -w NODES|-p PARTITION`. */
int cli_prestage(char **argv);

/** `wnodes console [--node NODE] JOB`. */
int cli_console(char **argv);

/** `wnodes check [--deep] [--json]`. */
int cli_check(char **argv);

/** `wnodes sweep`. */
int cli_sweep(char **argv);

#endif
