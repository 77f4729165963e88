/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's root may have Slurm do as the job's owner. Nothing on the
 * host is executed, read or written at its word: but for the output of jobs
 * it submits, in files that are new.
 */
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/command_names.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "run/command.h"

struct judge {
	struct command_spec *spec;
	const struct command_context *context;
	const struct slurm_command *command;
	struct slurm_line line;
	char *why;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct judge *judge, const char *format, ...)
{
	va_list arguments;
	int length = snprintf(judge->why, COMMAND_WHY_MAX, "%s: ", judge->command->name);

	va_start(arguments, format);
	(void)vsnprintf(judge->why + length, COMMAND_WHY_MAX - (size_t)length, format, arguments);
	va_end(arguments);
	return EXIT_USAGE;
}

/* No file. A number may be one: srun takes it for a task's only where there are so many. */
static bool is_stream(const char *value)
{
	return strcmp(value, "none") == 0 || strcmp(value, "all") == 0;
}

/* What of a name's patterns cannot be a folder; a job's name has no slash here. */
static bool is_pattern(const char **at)
{
	const char *p = *at + 1 + strspn(*at + 1, "0123456789");

	*at = p;
	return *p && strchr("AajJNnstux", *p);
}

/*
 * A file that nobody has yet, since the new job's number is in its name, in
 * the job's own working directory, and of no kind that some program obeys
 * because it is there.
 */
static bool is_new_file(const char *value)
{
	static const char *const kinds[] = {".out", ".err", ".log", ".txt"};
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=,-";
	size_t length = strlen(value);
	bool is_kind = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		is_kind = is_kind || (length > 4 && strcmp(value + length - 4, kinds[i]) == 0);
	for (const char *at = value; *at; at++)
		if (*at == '%' ? !is_pattern(&at) : !strchr(letters, *at))
			return false;
	return is_kind && value[0] != '.' && (strstr(value, "%j") || strstr(value, "%A"));
}

static bool is_title(const char *value)
{
	return *value && value[0] != '.' && !strchr(value, '/');
}

/* A name alone: what the catalogue has, and whose it is, is looked at when the new job is prepared. */
static int judge_image(struct judge *judge, const char *value)
{
	const struct command_context *context = judge->context;

	if (strcmp(value, context->image) == 0)
		return 0;
	if (strcmp(judge->command->name, "sbatch") != 0)
		return refuse(judge, "--vm=%.200s: a job's steps run in its own image, %s", value, context->image);
	if (!context->other_images)
		return refuse(judge, "--vm=%.200s: what a VM submits runs in its own image, %s", value, context->image);
	return str_is_name(value) && strcmp(value, "none") != 0
	               ? 0
	               : refuse(judge, "--vm=%.200s: what a VM submits runs in an image of the catalogue", value);
}

static int judge_word(struct judge *judge, const struct slurm_word *word)
{
	const char *name = word->option->name, *value = word->value ? word->value : "";
	const struct command_context *context = judge->context;

	switch (word->option->rule) {
	case SLURM_PLAIN:
		return strchr(value, '/')
		               ? refuse(judge, "--%s=%.200s: a file of the host is not read for a VM", name, value)
		               : 0;
	case SLURM_STREAM:
		return is_stream(value) ? 0 : refuse(judge, "--%s=%.200s: not a file of the host", name, value);
	case SLURM_OUTPUT:
		return strcmp(value, "/dev/null") == 0 || is_new_file(value)
		               ? 0
		               : refuse(judge,
		                        "--%s=%.200s: give a name like job-%%j.out: without a folder, with "
		                        "%%j or %%A, ending in .out, .err, .log or .txt",
		                        name, value);
	case SLURM_INPUT:
		return strcmp(value, "/dev/null") == 0
		               ? 0
		               : refuse(judge, "--input=%.200s: a file of the host is not read for a VM", value);
	case SLURM_TITLE:
		return is_title(value) ? 0
		                       : refuse(judge,
		                                "--job-name=%.200s: it may become a part of a file's name (%%x): no "
		                                "slash, and no "
		                                "dot at its beginning",
		                                value);
	case SLURM_JOB:
		return strcmp(value, context->job) == 0
		               ? 0
		               : refuse(judge, "--jobid=%.200s: a VM makes steps of its own job, %s, alone", value,
		                        context->job);
	case SLURM_IMAGE:
		return judge_image(judge, value);
	case SLURM_MOUNT:
		return context->mount && strcmp(value, context->mount) == 0
		               ? 0
		               : refuse(judge,
		                        "--vm-mount=%.200s: what a VM submits has the job's own directories, %.200s",
		                        value, context->mount ? context->mount : "here none");
	case SLURM_PROGRAMS:
		return refuse(judge, "--multi-prog: a file of the host is not read for a VM");
	case SLURM_PTY:
		return word->value ? refuse(judge, "--pty=%.200s: a terminal of the host is not used for a VM", value)
		                   : 0;
	case SLURM_MODE:
		return strcmp(value, "a") == 0 || strcmp(value, "append") == 0 || strcmp(value, "t") == 0 ||
		                       strcmp(value, "truncate") == 0
		               ? 0
		               : refuse(judge, "--open-mode=%.200s: give append or truncate", value);
	default:
		return 0;
	}
}

static int judge_words(struct judge *judge)
{
	int code = 0;

	for (size_t i = 0; i < judge->line.count && code == 0; i++)
		code = judge_word(judge, &judge->line.words[i]);
	/* Slurm splits the line there, whatever the word is part of */
	for (size_t i = 0; i < judge->line.count && code == 0; i++)
		if (judge->line.words[i].value && strcmp(judge->line.words[i].value, ":") == 0)
			code = refuse(judge, "heterogeneous jobs (the word `:`) are not available in a VM");
	for (size_t i = 0; i < judge->line.operand_count && code == 0; i++)
		if (judge->command->stops && strcmp(judge->line.operands[i], ":") == 0)
			code = refuse(judge, "heterogeneous jobs (the word `:`) are not available in a VM");
	return code;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static int judge_scontrol(struct judge *judge)
{
	static const char *const shown[] = {
	        "job",         "jobs",         "step",      "steps",    "node",           "nodes",
	        "partition",   "partitions",   "hostnames", "hostlist", "hostlistsorted", "config",
	        "reservation", "reservations", "licenses",  "topology", "daemons",        "assoc_mgr"};
	static const char *const verbs[] = {"show",    "hold",        "release", "uhold",
	                                    "requeue", "requeuehold", "ping",    "version"};
	const char *verb = judge->line.operand_count > 0 ? judge->line.operands[0] : "";
	const char *what = judge->line.operand_count > 1 ? judge->line.operands[1] : "";
	bool known = false;

	/* --version and --help need no verb; without any, scontrol would read more commands from its input */
	if (judge->line.operand_count == 0 &&
	    (slurm_line_named(&judge->line, "version") || slurm_line_named(&judge->line, "help")))
		return 0;
	known = is_one_of(verb, verbs, sizeof(verbs) / sizeof(verbs[0]));
	if (!known)
		return refuse(judge,
		              "%.80s: in a VM there are show, hold, release, uhold, requeue, requeuehold, ping "
		              "and version",
		              *verb ? verb : "no command");
	if (strcmp(verb, "show") == 0 && !is_one_of(what, shown, sizeof(shown) / sizeof(shown[0])))
		return refuse(judge, "show %.80s: not shown in a VM", *what ? what : "nothing");
	/* show hostlist takes a file's name, too */
	for (size_t i = 1; i < judge->line.operand_count; i++)
		if (strchr(judge->line.operands[i], '/'))
			return refuse(judge, "%.200s: a file of the host is not read for a VM",
			              judge->line.operands[i]);
	return 0;
}

/* A step's input would be the guest's word in whatever that step runs: so only of this job. */
static int judge_sattach(struct judge *judge)
{
	size_t length = strlen(judge->context->job);

	for (size_t i = 0; i < judge->line.operand_count; i++)
		if (strncmp(judge->line.operands[i], judge->context->job, length) != 0 ||
		    judge->line.operands[i][length] != '.')
			return refuse(judge, "%.200s: a VM attaches to steps of its own job, %s, alone",
			              judge->line.operands[i], judge->context->job);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The script comes on standard input, without directives; the job is to run in this job's image. */
static int finish_sbatch(struct judge *judge)
{
	static const char script[] = "/dev/stdin";
	struct slurm_line *line = &judge->line;
	bool wraps = slurm_line_named(line, "wrap");
	int rc = 0;

	if (wraps == (judge->spec->script != NULL))
		return refuse(judge, "give a script or --wrap, and not both");
	if (!wraps && line->operand_count > 0 && !slurm_line_find(line, SLURM_TITLE) &&
	    is_title(base_name(line->operands[0])))
		rc = slurm_line_add(line, judge->command, "job-name", base_name(line->operands[0]));
	if (rc == 0)
		rc = slurm_line_add(line, judge->command, "ignore-pbs", NULL);
	if (!wraps && line->operand_count > 0)
		line->operands[0] = script;
	return rc < 0 ? EXIT_NODE : 0;
}

/* --pty has the terminal of the guest's caller. */
static int finish_srun(struct judge *judge)
{
	struct command_spec *spec = judge->spec;

	if (!slurm_line_find(&judge->line, SLURM_PTY))
		spec->terminal.streams = 0;
	else if (!spec->terminal.streams)
		return refuse(judge, "--pty needs a terminal");
	return 0;
}

/* Directories, disk, networks and the time to boot: as the job itself asked for, where the line does not say it. */
static int inherit(struct judge *judge)
{
	const struct command_context *context = judge->context;
	struct slurm_line *line = &judge->line;
	int rc = 0;

	slurm_line_drop(line, SLURM_MOUNT);
	if (context->mount)
		rc = slurm_line_add(line, judge->command, "vm-mount", context->mount);
	if (rc == 0 && context->boot_timeout && !slurm_line_named(line, "vm-boot-timeout"))
		rc = slurm_line_add(line, judge->command, "vm-boot-timeout", context->boot_timeout);
	if (rc == 0 && context->disk && !slurm_line_named(line, "vm-disk"))
		rc = slurm_line_add(line, judge->command, "vm-disk", context->disk);
	if (rc == 0 && context->network && !slurm_line_named(line, "vm-network"))
		rc = slurm_line_add(line, judge->command, "vm-network", context->network);
	return rc;
}

/* The folder, the environment, and where it runs: in the VM, or not at all. */
static int finish_tasks(struct judge *judge)
{
	const struct slurm_word *folder = slurm_line_find(&judge->line, SLURM_FOLDER);
	const struct slurm_word *list = slurm_line_find(&judge->line, SLURM_EXPORT);
	const struct slurm_word *image = slurm_line_find(&judge->line, SLURM_IMAGE);
	const char *name = image ? image->value : judge->context->image;
	struct command_spec *spec = judge->spec;
	char *path = NULL;

	if (folder) {
		bool whole = folder->value[0] == '/' || !spec->cwd;

		if (asprintf(&path, "%s%s%s", whole ? "" : spec->cwd, whole ? "" : "/", folder->value) < 0)
			return EXIT_NODE;
		free(spec->cwd);
		spec->cwd = path;
	}
	if (list) {
		spec->exported = strdup(list->value);
		if (!spec->exported)
			return EXIT_NODE;
	}
	slurm_line_drop(&judge->line, SLURM_FOLDER);
	slurm_line_drop(&judge->line, SLURM_EXPORT);
	slurm_line_drop(&judge->line, SLURM_IMAGE);
	if (strcmp(judge->command->name, "sbatch") == 0 && inherit(judge) < 0)
		return EXIT_NODE;
	return slurm_line_add(&judge->line, judge->command, "vm", name) < 0 ? EXIT_NODE : 0;
}

static int judge_line(struct judge *judge)
{
	const char *name = judge->command->name;
	int code = judge_words(judge);

	if (code == 0 && strcmp(name, "scontrol") == 0)
		code = judge_scontrol(judge);
	if (code == 0 && strcmp(name, "sattach") == 0)
		code = judge_sattach(judge);
	if (code == 0 && strcmp(name, "sbatch") == 0)
		code = finish_sbatch(judge);
	else if (code == 0 && judge->spec->script)
		code = refuse(judge, "it takes no script");
	if (code == 0 && strcmp(name, "srun") == 0)
		code = finish_srun(judge);
	else if (code == 0 && (judge->spec->file_count > 0 || judge->spec->programs))
		code = refuse(judge, "it takes no files and programs of tasks");
	else if (code == 0 && judge->spec->terminal.streams)
		code = refuse(judge, "it takes no terminal");
	if (code == 0 && judge->command->stops)
		code = finish_tasks(judge);
	return code;
}

/* Directives first: what the command line says comes later, and wins. */
static int parse(struct judge *judge, char **texts)
{
	struct command_spec *spec = judge->spec;
	int rc = 0;

	if (spec->script && strcmp(judge->command->name, "sbatch") == 0)
		rc = command_script(spec->script, spec->script_length, &judge->line, texts, judge->why);
	if (rc == 0)
		rc = slurm_parse(&judge->line, judge->command, (int)spec->argc - 1, spec->argv + 1, judge->why,
		                 COMMAND_WHY_MAX);
	return rc == -EINVAL ? EXIT_USAGE : rc < 0 ? EXIT_NODE : 0;
}

int command_policy(struct command_spec *spec, const struct command_context *context, char ***argv,
                   char why[COMMAND_WHY_MAX])
{
	struct judge judge = {.spec = spec, .context = context, .why = why};
	char *texts = NULL;
	int code;

	(void)snprintf(why, COMMAND_WHY_MAX, "no memory for the command");
	judge.command = slurm_command_find(spec->argv[0]);
	/* sbcast is srun's to the host: the guest itself copies */
	if (!judge.command || !command_names_have(context->names, spec->argv[0]) ||
	    strcmp(spec->argv[0], "sbcast") == 0) {
		(void)snprintf(why, COMMAND_WHY_MAX, "%.80s: this command does not work in a VM of this site",
		               spec->argv[0]);
		return EXIT_DENIED;
	}
	code = parse(&judge, &texts);
	if (code == 0)
		code = judge_line(&judge);
	if (code == 0) {
		*argv = slurm_render(&judge.line, judge.command->name);
		code = *argv ? 0 : EXIT_NODE;
	}
	slurm_line_free(&judge.line);
	free(texts);
	return code;
}
