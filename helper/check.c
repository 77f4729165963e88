/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the whole of a node's configuration, every problem of it. Starts nothing, and changes nothing but that a base
 * which has changed goes into quarantine. */
#include "helper/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/exitcode.h"
#include "helper/answer.h"
#include "helper/ini_file.h"
#include "helper/verbs.h"

static void say(const char *kind, const char *format, va_list arguments)
{
	char text[FAILURE_TEXT + 64];
	struct kv block = {0};

	(void)vsnprintf(text, sizeof(text), format, arguments);
	for (char *p = text; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	if (kv_set(&block, "kind", kind) == 0 && kv_set(&block, "message", text) == 0)
		answer_put(&block);
	kv_free(&block);
}

void check_problem(struct check *check, const char *format, ...)
{
	va_list arguments;

	check->problems++;
	va_start(arguments, format);
	say("problem", format, arguments);
	va_end(arguments);
}

void check_note(struct check *check, const char *format, ...)
{
	va_list arguments;

	(void)check;
	va_start(arguments, format);
	say("note", format, arguments);
	va_end(arguments);
}

static void report_line(void *context, const char *message)
{
	struct check *check = context;

	check_problem(check, "%s", message);
}

/* What the command compares with slurm.conf, which it finds as Slurm's own commands do. */
static void tell(const char *kind, const char *message)
{
	struct kv block = {0};

	if (kv_set(&block, "kind", kind) == 0 && kv_set(&block, "message", message) == 0)
		answer_put(&block);
	kv_free(&block);
}

int verb_check(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct config config;
	struct check check = {.config = &config, .deep = args->value[ARG_DEEP] != NULL};
	struct failure found = {0};

	(void)caller;
	check.said = found.message;
	config_default(&config);
	ini_file_report(report_line, &check);
	/* what is no line of the file's is not yet said */
	if (config_load(&config, &found) < 0 && check.problems == 0)
		check_problem(&check, "%s", found.message);
	tell("slurmd_spool_dir", config.slurmd_spool_dir);
	for (unsigned int i = 0; i < config.partition_count; i++)
		tell("partition", config.partitions[i].name);
	check_images(&check);
	check_node(&check);
	check_disks(&check);
	check_devices(&check);
	check_pci(&check);
	check_leases(&check);
	check_networks(&check);
	check_cache(&check);
	if (answer_flush(why) < 0)
		return why->code;
	return check.problems ? EXIT_NODE : 0;
}
