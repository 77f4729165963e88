/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A task's spec: what is to be executed, and how. */
#ifndef WNODES_GUEST_SPEC_H
#define WNODES_GUEST_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/task_file.h"
#include "common/terminal.h"

struct spec_limit {
	uint32_t resource;
	uint64_t soft, hard; /* all ones: no limit */
};

struct spec {
	char **argv; /* at least one, and a NULL at the end */
	char **envp; /* a NULL at the end */
	char *cwd;   /* or NULL */
	bool has_umask;
	mode_t umask;
	struct spec_limit *limits;
	size_t limit_count;
	struct terminal terminal;
	const uint8_t *script; /* or NULL */
	size_t script_length;
	const char *fallback;    /* to execute where the program is not in the guest; or NULL */
	const uint8_t *affinity; /* a bit for each CPU; or NULL: all */
	size_t affinity_length;
	struct task_file files[TASK_FILES]; /* their names end with a NUL */
	size_t file_count;
	const char *programs; /* of which argv is to become one: programs.h; or NULL */
};

/**
 * Read the attributes in buffer[size]; buffer has room for size + 1 bytes and
 * is changed: *spec points into it. Returns 0; -EPROTO with *why (static) for
 * attributes that are not right; -ENOMEM. Free with spec_free().
 */
int spec_parse(uint8_t *buffer, size_t size, struct spec *spec, const char **why);

/** The terminal that a spec in buffer[size] asks for; .streams is 0 where it asks for none. */
void spec_terminal(const uint8_t *buffer, size_t size, struct terminal *terminal);

/** Free what spec_parse() allocated (not the buffer). */
void spec_free(struct spec *spec);

/** The value of an environment variable in the spec, or NULL. */
const char *spec_getenv(const struct spec *spec, const char *name);

#endif
