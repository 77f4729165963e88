/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the first node of a job booted, where the submit host's catalogue did
 * not say it: a word in the job's AdminComment, `wnodes:NODE=SHA256`, which the
 * first node's prolog writes and srun reads. slurmctld starts no step before
 * all prologs have ended.
 */
#ifndef WNODES_PLUGIN_FIRST_NODE_H
#define WNODES_PLUGIN_FIRST_NODE_H

#include <stdint.h>

/**
 * In a prolog, as root: write the word beside what else the AdminComment says.
 * Two messages to slurmctld, bounded by its MessageTimeout; what fails is logged.
 */
void first_node_write(uint32_t job, const char *node, const char *digest);

/**
 * In srun: what the first node wrote, into node[65] and digest[65]. One message
 * to slurmctld. Returns 0, or -1 where there is none.
 */
int first_node_read(uint32_t job, char *node, char *digest);

/** The AdminComment with the word in place of an older one, from malloc; NULL without memory. */
char *first_node_put(const char *comment, const char *node, const char *digest);

/** The word of comment, which may be NULL, into node[65] and digest[65]. Returns 0 or -1. */
int first_node_take(const char *comment, char *node, char *digest);

#endif
