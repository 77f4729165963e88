/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 10UL             /* digits that a pattern's number asks for at most */
#define NO_ARRAY_TASK "4294967294" /* what Slurm writes for %a where there is no array */

/* One pattern: its letter, and the width that zeros fill. */
struct pattern {
	char letter;
	unsigned long width;
};

/* Read a pattern at `%`; returns behind it, or NULL where there is none. */
static const char *read_pattern(const char *at, struct pattern *pattern)
{
	char *end;

	pattern->width = 0;
	at++;
	if (*at >= '0' && *at <= '9') {
		pattern->width = strtoul(at, &end, 10);
		at = end;
	}
	if (pattern->width > WIDTH_MAX)
		pattern->width = WIDTH_MAX;
	pattern->letter = *at;
	return *at && strchr("%AabJjNnstux", *at) ? at + 1 : NULL;
}

enum pattern_scope pattern_scope(const char *name)
{
	enum pattern_scope scope = PATTERN_JOB;
	struct pattern pattern;

	if (strchr(name, '\\'))
		return PATTERN_JOB;
	while ((name = strchr(name, '%'))) {
		const char *end = read_pattern(name, &pattern);

		if (end && strchr("Nnt", pattern.letter))
			return PATTERN_TASK;
		if (end && strchr("Js", pattern.letter))
			scope = PATTERN_STEP;
		name = end ? end : name + 1;
	}
	return scope;
}

struct expansion {
	pattern_lookup lookup;
	const void *context;
	char *path;
	size_t size, used;
};

static int put(struct expansion *to, const char *text, size_t length)
{
	if (length >= to->size - to->used)
		return -ENAMETOOLONG;
	memcpy(to->path + to->used, text, length);
	to->used += length;
	to->path[to->used] = 0;
	return 0;
}

static const char *value(const struct expansion *to, const char *variable, const char *otherwise)
{
	const char *text = to->lookup(to->context, variable);

	return text ? text : otherwise;
}

static int put_number(struct expansion *to, unsigned long width, const char *digits)
{
	size_t length = strlen(digits);
	int rc = 0;

	for (size_t i = length; i < width && rc == 0; i++)
		rc = put(to, "0", 1);
	return rc < 0 ? rc : put(to, digits, length);
}

static int put_pattern(struct expansion *to, const struct pattern *pattern)
{
	const char *job = value(to, "SLURM_JOB_ID", "0"), *text;
	char digit[2] = "";

	switch (pattern->letter) {
	case '%':
		return put(to, "%", 1);
	case 'A':
		return put_number(to, pattern->width, value(to, "SLURM_ARRAY_JOB_ID", job));
	case 'a':
		return put_number(to, pattern->width, value(to, "SLURM_ARRAY_TASK_ID", NO_ARRAY_TASK));
	case 'b':
		text = value(to, "SLURM_ARRAY_TASK_ID", NO_ARRAY_TASK);
		digit[0] = *text ? text[strlen(text) - 1] : 0;
		return put_number(to, pattern->width, digit);
	case 'J':
		if (put_number(to, pattern->width, job) < 0 || put(to, ".", 1) < 0)
			return -ENAMETOOLONG;
		return put_number(to, 0, value(to, "SLURM_STEP_ID", "0"));
	case 'j':
		return put_number(to, pattern->width, job);
	case 'N':
		text = value(to, "SLURMD_NODENAME", "");
		return put(to, text, strcspn(text, "."));
	case 'n':
		return put_number(to, pattern->width, value(to, "SLURM_NODEID", "0"));
	case 's':
		return put_number(to, pattern->width, value(to, "SLURM_STEP_ID", "0"));
	case 't':
		return put_number(to, pattern->width, value(to, "SLURM_PROCID", "0"));
	default:
		text = value(to, pattern->letter == 'u' ? "USER" : "SLURM_JOB_NAME", "");
		return put(to, text, strlen(text));
	}
}

/* A name with backslashes, which keep its patterns from being any. */
static int put_escaped(struct expansion *to, const char *name)
{
	int rc = 0;

	for (; *name && rc == 0; name++)
		if (*name != '\\')
			rc = put(to, name, 1);
	return rc;
}

int pattern_expand(const char *name, pattern_lookup lookup, const void *context, char *path, size_t size)
{
	struct expansion to = {lookup, context, path, size, 0};
	struct pattern pattern;
	int rc = put(&to, "", 0);

	if (rc == 0 && strchr(name, '\\'))
		return put_escaped(&to, name);
	while (*name && rc == 0) {
		size_t length = strcspn(name, "%");
		const char *end = name[length] ? read_pattern(name + length, &pattern) : NULL;

		rc = put(&to, name, length + (name[length] && !end));
		if (rc == 0 && end)
			rc = put_pattern(&to, &pattern);
		name = end ? end : name + length + (name[length] != 0);
	}
	return rc;
}
