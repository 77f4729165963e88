/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/request_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/spec_put.h"
#include "common/task_file.h"
#include "common/terminal.h"
#include "guest/pattern.h"

#define USAGE 64

/* Where a stream's bytes go. */
enum place {
	PLACE_SLURM, /* the host's srun has them, as without an option */
	PLACE_NONE,  /* nowhere: the host's srun is told */
	PLACE_HERE,  /* a file that is opened here */
	PLACE_TASK   /* a file that each task opens, or one task's alone */
};

static const struct stream {
	const char *option, *variable;
	uint32_t bit;
} streams[] = {{"input", "SLURM_STDINMODE", TERMINAL_STDIN},
               {"output", "SLURM_STDOUTMODE", TERMINAL_STDOUT},
               {"error", "SLURM_STDERRMODE", TERMINAL_STDERR}};

struct work {
	const struct slurm_command *command;
	struct slurm_line *line;
	struct queue *spec;
	const char *values[3]; /* of the options; NULL: not given */
	bool append;
	char *why;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct work *work, const char *format, ...)
{
	va_list arguments;
	int length = snprintf(work->why, REQUEST_WHY_MAX, "%s: ", work->command->name);

	va_start(arguments, format);
	vsnprintf(work->why + length, REQUEST_WHY_MAX - (size_t)length, format, arguments);
	va_end(arguments);
	return USAGE;
}

static bool is_number(const char *value)
{
	return *value && strspn(value, "0123456789") == strlen(value);
}

static enum place place_of(const char *value)
{
	if (!value || strncasecmp(value, "all", 3) == 0 || value[0] == '-')
		return PLACE_SLURM;
	if (strcasecmp(value, "none") == 0)
		return PLACE_NONE;
	return is_number(value) || pattern_scope(value) != PATTERN_JOB ? PLACE_TASK : PLACE_HERE;
}

static const char *lookup(const void *context, const char *variable)
{
	(void)context;
	return getenv(variable);
}

static int open_here(struct work *work, int stream)
{
	const char *option = streams[stream].option;
	int flags = stream == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | (work->append ? O_APPEND : O_TRUNC);
	char path[PATH_MAX];
	int fd;

	if (pattern_expand(work->values[stream], lookup, NULL, path, sizeof(path)) < 0)
		return refuse(work, "--%s: the name is too long", option);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0 || dup2(fd, stream) < 0)
		return refuse(work, "--%s=%s: %s", option, path, strerror(errno));
	close(fd);
	/* as srun has it: errors go where the output goes, unless they are told otherwise */
	if (stream == STDOUT_FILENO && !work->values[2] && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return refuse(work, "--output: %s", strerror(errno));
	return 0;
}

/* One file for all tasks, whose name holds the step's number, is one only where there is one machine. */
static bool is_shared(const char *value)
{
	const char *nodes = getenv("SLURM_JOB_NUM_NODES");

	return !is_number(value) && pattern_scope(value) == PATTERN_STEP && nodes && strcmp(nodes, "1") != 0;
}

static int give_task(struct work *work, int stream)
{
	const char *value = work->values[stream], *labels = getenv("SLURM_LABELIO");
	struct task_file file = {.streams = streams[stream].bit,
	                         .flags = work->append ? TASK_FILE_APPEND : 0,
	                         .name = value,
	                         .length = strlen(value)};
	uint8_t bytes[TASK_FILE_BYTES];

	if (file.length > TASK_FILE_NAME_MAX)
		return refuse(work, "--%s: the name is too long", streams[stream].option);
	if (is_shared(value))
		return refuse(work, "--%s=%.200s: in a job of several nodes add %%t, %%n or %%N",
		              streams[stream].option, value);
	if (is_number(value))
		file.flags |= TASK_FILE_ONE;
	else if (stream != STDIN_FILENO &&
	         (slurm_line_named(work->line, "label") || (labels && strcmp(labels, "0") != 0)))
		return refuse(work, "--label: a file of each task's own has no labels in a VM");
	if (stream == STDOUT_FILENO && !work->values[2])
		file.streams |= TERMINAL_STDERR;
	if (spec_put(work->spec, WIRE_FILE, bytes, task_file_pack(bytes, &file)) < 0)
		return refuse(work, "no memory");
	return 0;
}

/* What is still to be said to the host's srun; an input that it does not read is not read here either. */
static int tell_slurm(struct work *work, int stream, enum place place)
{
	bool none = place == PLACE_NONE ||
	            (stream == STDIN_FILENO && place == PLACE_TASK && !is_number(work->values[stream]));
	int fd;

	if (!none)
		return 0;
	if (stream == STDIN_FILENO) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
			return refuse(work, "/dev/null: %s", strerror(errno));
		close(fd);
	}
	return slurm_line_add(work->line, work->command, streams[stream].option, "none") < 0 ? refuse(work, "no memory")
	                                                                                     : 0;
}

static void look(struct work *work)
{
	const struct slurm_word *mode = slurm_line_find(work->line, SLURM_MODE);
	const char *value = mode ? mode->value : getenv("SLURM_OPEN_MODE");

	work->append = value && value[0] == 'a';
	for (int i = 0; i < 3; i++) {
		const struct slurm_word *word = slurm_line_named(work->line, streams[i].option);

		work->values[i] = word ? word->value : getenv(streams[i].variable);
		if (work->values[i] && !*work->values[i])
			work->values[i] = NULL;
	}
	slurm_line_drop(work->line, SLURM_MODE);
	slurm_line_drop(work->line, SLURM_STREAM);
}

int request_streams(const struct slurm_command *command, struct slurm_line *line, struct queue *spec,
                    char why[REQUEST_WHY_MAX])
{
	struct work work = {.command = command, .line = line, .spec = spec, .why = why};
	int code = 0;

	look(&work);
	for (int i = 0; i < 3 && code == 0; i++) {
		enum place place = place_of(work.values[i]);

		if (place != PLACE_SLURM && slurm_line_find(line, SLURM_PTY))
			code = refuse(&work, "--%s: with --pty the task has its terminal", streams[i].option);
		else if (place == PLACE_HERE)
			code = open_here(&work, i);
		else if (place == PLACE_TASK)
			code = give_task(&work, i);
		if (code == 0)
			code = tell_slurm(&work, i, place);
	}
	return code;
}
