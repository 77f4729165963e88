/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capture.h"
#include "cli/check.h"

#define SCONTROL_SECONDS 45 /* it tries each controller for MessageTimeout */
#define SRUN_SECONDS 20

static void add(struct blocks *blocks, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(struct blocks *blocks, const char *kind, const char *format, ...)
{
	struct kv block = {0};
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (kv_set(&block, "kind", kind) < 0 || kv_set(&block, "message", text) < 0 || blocks_add(blocks, &block) < 0)
		kv_free(&block);
}

/* The value of `Name   = value` in text, into value[size]; whether there is one. */
static bool find(const char *text, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		size_t blanks;

		line += *line == '\n';
		blanks = strncmp(line, name, length) == 0 ? strspn(line + length, " ") : 0;
		if (blanks == 0 || line[length + blanks] != '=')
			continue;
		line += length + blanks + 1;
		line += strspn(line, " ");
		(void)snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

/* Whether word is in the list, which has commas. */
static bool has(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = list; *p; p += *p == ',') {
		size_t entry = strcspn(p, ",");

		if (entry == length && strncasecmp(p, word, length) == 0)
			return true;
		p += entry;
	}
	return false;
}

static unsigned int check_flags(struct blocks *blocks, const char *text)
{
	unsigned int problems = 0;
	char value[256] = "";

	if (!find(text, "PrologFlags", value, sizeof(value)))
		return 0;
	if (!has(value, "Contain")) {
		add(blocks, "problem", "slurm.conf: PrologFlags=Contain is required (it is %s)", value);
		problems++;
	}
	if (has(value, "RunInJob")) {
		add(blocks, "problem", "slurm.conf: PrologFlags=RunInJob cannot be used with machines");
		problems++;
	}
	return problems;
}

/* What keeps a machine within its job. */
static unsigned int check_bounds(struct blocks *blocks, const char *text)
{
	static const char *const constraints[] = {"ConstrainCores", "ConstrainRAMSpace"};
	unsigned int problems = 0;
	char value[256];

	if (find(text, "ProctrackType", value, sizeof(value)) && strcmp(value, "proctrack/cgroup") != 0) {
		add(blocks, "problem", "slurm.conf: ProctrackType=proctrack/cgroup is required (it is %s)", value);
		problems++;
	}
	if (find(text, "TaskPlugin", value, sizeof(value)) && !has(value, "task/cgroup") && !has(value, "cgroup")) {
		add(blocks, "problem", "slurm.conf: TaskPlugin needs task/cgroup (it is %s)", value);
		problems++;
	}
	for (size_t i = 0; i < sizeof(constraints) / sizeof(constraints[0]); i++) {
		if (find(text, constraints[i], value, sizeof(value)) && strcasecmp(value, "yes") != 0) {
			add(blocks, "problem", "cgroup.conf: %s=yes keeps machines within their jobs (it is %s)",
			    constraints[i], value);
			problems++;
		}
	}
	return problems;
}

unsigned int check_slurm_config(struct blocks *blocks, const char *text, const char *spool)
{
	unsigned int problems = check_flags(blocks, text) + check_bounds(blocks, text);
	char value[512];

	if (!spool || !find(text, "SlurmdSpoolDir", value, sizeof(value)) || strcmp(value, spool) == 0)
		return problems;
	add(blocks, "problem", "[site] slurmd_spool_dir = %s, but slurm.conf has SlurmdSpoolDir=%s", spool, value);
	return problems + 1;
}

/* Slurm's commands have the option where plugstack.conf names the plugin and it can be loaded. */
static unsigned int check_plugin(struct blocks *blocks)
{
	const char *const srun[] = {WNODES_SLURM_BINDIR "/srun", "--help", NULL};
	unsigned int problems = 0;
	char *text = NULL;

	if (capture(srun, SRUN_SECONDS, &text) != 0 || !text) {
		add(blocks, "note", "whether plugstack.conf names wnodes.so is not known: %s --help fails", srun[0]);
	} else if (!strstr(text, "--vm=IMAGE")) {
		add(blocks, "problem", "%s has no option --vm: plugstack.conf needs `required …/wnodes.so`", srun[0]);
		problems = 1;
	}
	free(text);
	return problems;
}

/* Whether a line of text begins with `PartitionName=NAME `. */
static bool has_partition(const char *text, const char *name)
{
	static const char key[] = "PartitionName=";
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, sizeof(key) - 1) == 0 && strncmp(line + sizeof(key) - 1, name, length) == 0 &&
		    line[sizeof(key) - 1 + length] == ' ')
			return true;
	}
	return false;
}

void check_slurm_partitions(struct blocks *blocks, const char *text, const struct blocks *partitions)
{
	for (size_t i = 0; i < partitions->count; i++) {
		const char *name = kv_get(&partitions->list[i], "message");

		if (name && !has_partition(text, name))
			add(blocks, "note", "[partition %s]: slurm.conf has no such partition", name);
	}
}

unsigned int check_slurm(struct blocks *blocks, const struct check_site *site)
{
	static const char scontrol[] = WNODES_SLURM_BINDIR "/scontrol";
	const char *const config[] = {scontrol, "show", "config", NULL};
	const char *const partitions[] = {scontrol, "-a", "-o", "show", "partition", NULL};
	unsigned int problems = check_plugin(blocks);
	char *text = NULL;

	if (capture(config, SCONTROL_SECONDS, &text) == 0 && text)
		problems += check_slurm_config(blocks, text, site->spool[0] ? site->spool : NULL);
	else
		add(blocks, "note", "slurm.conf has not been looked at: %s show config fails", scontrol);
	free(text);
	text = NULL;
	if (site->partitions.count > 0 && capture(partitions, SCONTROL_SECONDS, &text) == 0 && text)
		check_slurm_partitions(blocks, text, &site->partitions);
	free(text);
	return problems;
}
