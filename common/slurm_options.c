/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/slurm_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The option that a long name of length bytes means: it, or the only one that begins so. */
static const struct slurm_option *find_long(const struct slurm_command *command, const char *name, size_t length)
{
	const struct slurm_option *found = NULL;
	bool ambiguous = false;

	for (const struct slurm_option *o = command->options; o->name; o++) {
		if (strncmp(o->name, name, length) != 0)
			continue;
		if (o->name[length] == 0)
			return o;
		ambiguous = found != NULL;
		found = o;
	}
	return length == 0 || ambiguous ? NULL : found;
}

static const struct slurm_option *find_letter(const struct slurm_command *command, char letter)
{
	for (const struct slurm_option *o = command->options; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int add_word(struct slurm_line *line, const struct slurm_option *option, const char *value)
{
	struct slurm_word *words = realloc(line->words, (line->count + 1) * sizeof(*words));

	if (!words)
		return -ENOMEM;
	line->words = words;
	words[line->count++] = (struct slurm_word){option, value};
	return 0;
}

static int add_operand(struct slurm_line *line, const char *operand)
{
	const char **operands = realloc(line->operands, (line->operand_count + 1) * sizeof(*operands));

	if (!operands)
		return -ENOMEM;
	line->operands = operands;
	operands[line->operand_count++] = operand;
	return 0;
}

/* What is being parsed: argv[at] of argc. */
struct parser {
	struct slurm_line *line;
	const struct slurm_command *command;
	int argc, at;
	char *const *argv;
	char *why;
	size_t size;
};

static int refuse(struct parser *p, const char *text, const char *problem)
{
	(void)snprintf(p->why, p->size, "%s: %.200s %s", p->command->name, text, problem);
	return -EINVAL;
}

static int take(struct parser *p, const struct slurm_option *option, const char *value, const char *text)
{
	if (option->rule == SLURM_NO)
		return refuse(p, text, "is not available in a VM");
	return add_word(p->line, option, value);
}

static int parse_long(struct parser *p)
{
	const char *text = p->argv[p->at], *name = text + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	const struct slurm_option *option = find_long(p->command, name, length);

	if (!option)
		return refuse(p, text, "is not an option that works in a VM");
	if (value && option->argument == SLURM_NONE)
		return refuse(p, text, "has a value, and takes none");
	if (!value && option->argument == SLURM_REQUIRED) {
		if (p->at + 1 >= p->argc)
			return refuse(p, text, "needs a value");
		value = p->argv[++p->at];
	}
	return take(p, option, value, text);
}

/* A bundle of letters, the last of which may have a value. */
static int parse_letters(struct parser *p)
{
	const char *text = p->argv[p->at];
	int rc = 0;

	for (const char *at = text + 1; *at && rc == 0; at++) {
		const struct slurm_option *option = find_letter(p->command, *at);
		const char *value = NULL;

		if (!option)
			return refuse(p, text, "is not an option that works in a VM");
		if (option->argument != SLURM_NONE && at[1])
			value = at + 1;
		else if (option->argument == SLURM_REQUIRED && p->at + 1 < p->argc)
			value = p->argv[++p->at];
		else if (option->argument == SLURM_REQUIRED)
			return refuse(p, text, "needs a value");
		rc = take(p, option, value, text);
		if (value)
			break;
	}
	return rc;
}

int slurm_parse(struct slurm_line *line, const struct slurm_command *command, int argc, char *const *argv, char *why,
                size_t size)
{
	struct parser p = {line, command, argc, 0, argv, why, size};
	bool options = true;
	int rc = 0;

	for (; p.at < argc && rc == 0; p.at++) {
		const char *text = argv[p.at];

		if (options && strcmp(text, "--") == 0) {
			options = false;
		} else if (options && strncmp(text, "--", 2) == 0) {
			rc = parse_long(&p);
		} else if (options && text[0] == '-' && text[1]) {
			rc = parse_letters(&p);
		} else {
			rc = add_operand(line, text);
			options = options && !command->stops;
		}
	}
	return rc;
}

void slurm_line_free(struct slurm_line *line)
{
	free(line->words);
	free(line->operands);
	*line = (struct slurm_line){0};
}

const struct slurm_word *slurm_line_find(const struct slurm_line *line, enum slurm_rule rule)
{
	const struct slurm_word *found = NULL;

	for (size_t i = 0; i < line->count; i++)
		if (line->words[i].option->rule == rule)
			found = &line->words[i];
	return found;
}

const struct slurm_word *slurm_line_named(const struct slurm_line *line, const char *name)
{
	const struct slurm_word *found = NULL;

	for (size_t i = 0; i < line->count; i++)
		if (strcmp(line->words[i].option->name, name) == 0)
			found = &line->words[i];
	return found;
}

void slurm_line_drop(struct slurm_line *line, enum slurm_rule rule)
{
	size_t kept = 0;

	for (size_t i = 0; i < line->count; i++)
		if (line->words[i].option->rule != rule)
			line->words[kept++] = line->words[i];
	line->count = kept;
}

int slurm_line_add(struct slurm_line *line, const struct slurm_command *command, const char *name, const char *value)
{
	return add_word(line, find_long(command, name, strlen(name)), value);
}

/* By its letter, whose meaning does not depend on what other options there are. */
static int render_word(const struct slurm_word *word, char ***at)
{
	const struct slurm_option *option = word->option;
	const char *value = word->value ? word->value : "";
	bool apart = option->letter && option->argument == SLURM_REQUIRED;
	int rc;

	if (option->letter)
		rc = asprintf(*at, "-%c%s", option->letter, apart ? "" : value);
	else
		rc = asprintf(*at, "--%s%s%s", option->name, word->value ? "=" : "", value);
	if (rc < 0) {
		**at = NULL;
		return -ENOMEM;
	}
	(*at)++;
	if (!apart)
		return 0;
	**at = strdup(value);
	return *(*at)++ ? 0 : -ENOMEM;
}

static int render_text(const char *text, char ***at)
{
	**at = strdup(text);
	return *(*at)++ ? 0 : -ENOMEM;
}

char **slurm_render(const struct slurm_line *line, const char *argv0)
{
	char **argv = calloc(2 * line->count + line->operand_count + 3, sizeof(*argv));
	char **at = argv;
	int rc;

	if (!argv)
		return NULL;
	rc = render_text(argv0, &at);
	for (size_t i = 0; i < line->count && rc == 0; i++)
		rc = render_word(&line->words[i], &at);
	if (rc == 0 && line->operand_count > 0)
		rc = render_text("--", &at);
	for (size_t i = 0; i < line->operand_count && rc == 0; i++)
		rc = render_text(line->operands[i], &at);
	if (rc == 0)
		return argv;
	slurm_argv_free(argv);
	return NULL;
}

void slurm_argv_free(char **argv)
{
	for (char **p = argv; p && *p; p++)
		free(*p);
	free(argv);
}
