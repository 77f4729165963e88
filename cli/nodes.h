/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes as Slurm's sinfo tells of them, and what each of them answered. */
#ifndef WNODES_CLI_NODES_H
#define WNODES_CLI_NODES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/kv.h"

#define NODE_NAME 65U

struct node {
	char name[NODE_NAME];
	char state[32];   /* Slurm's */
	bool is_up;       /* jobs can start there */
	struct kv answer; /* of `wnodes fetch --json`; empty: none */
	char why[256];    /* there is none */
};

/* Zero-initialise; nodes_free() when done. */
struct nodes {
	struct node *list; /* sorted by name, each once */
	size_t count;
};

/**
 * Ask sinfo for the nodes of a list (n[1-4,7]) or of a partition; one of them
 * is NULL. Returns 0, or -1 where that fails or there are none, with one line
 * in why[size].
 */
int nodes_load(struct nodes *nodes, const char *list, const char *partition, char *why, size_t size);

/** Parse `sinfo -h -N -o '%N|%T'`'s lines; 0 or -ENOMEM. */
int nodes_parse(struct nodes *nodes, const char *text);

/**
 * Take the answers that are in text, the output of tasks that each printed
 * a JSON array of flat objects with `node` in them, lines of several mixed.
 * What is not understood is left out. Returns how many were taken.
 */
size_t nodes_answer(struct nodes *nodes, const char *text);

void nodes_free(struct nodes *nodes);

#endif
