/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest needs to know to execute the task as the host would have. */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/spec_put.h"
#include "common/task_file.h"
#include "common/taskenv.h"

static int put_argv(struct queue *spec, char **argv)
{
	int rc = 0;

	for (char **p = argv; *p && rc == 0; p++)
		rc = spec_put_text(spec, WIRE_ARG, *p);
	return rc;
}

/* Whether env has the variable set aside, too: that is then the task's. */
static bool has_aside(char *const *env, const char *variable)
{
	size_t prefix = strlen(TASKENV_ASIDE), length = strcspn(variable, "=") + 1;

	for (; *env; env++)
		if (strncmp(*env, TASKENV_ASIDE, prefix) == 0 && strncmp(*env + prefix, variable, length) == 0)
			return true;
	return false;
}

static int put_env(struct queue *spec, char **env)
{
	int rc = 0;

	for (char **p = env; *p && rc == 0; p++) {
		/* what the plugin set aside, since the host's own linker would have obeyed it */
		if (strncmp(*p, TASKENV_ASIDE, strlen(TASKENV_ASIDE)) == 0)
			rc = spec_put_text(spec, WIRE_ENV, *p + strlen(TASKENV_ASIDE));
		else if (strncmp(*p, TASKENV_PREFIX, strlen(TASKENV_PREFIX)) != 0 &&
		         strncmp(*p, TASKENV_DIGEST "=", strlen(TASKENV_DIGEST "=")) != 0 && !has_aside(env, *p))
			rc = spec_put_text(spec, WIRE_ENV, *p);
	}
	return rc;
}

static int put_cwd(struct queue *spec)
{
	const char *given = getenv(TASKENV_CWD);
	char path[PATH_MAX];

	/* the guest's own, of a command that was called there */
	if (given && given[0] == '/')
		return spec_put_text(spec, WIRE_CWD, given);
	/* a folder that was removed, or lies outside of "/": the guest has none such either, and says so */
	if (!getcwd(path, sizeof(path)) || path[0] != '/')
		return 0;
	return spec_put_text(spec, WIRE_CWD, path);
}

/* The whole of fd into an attribute whose length is known only at its end. */
static int put_content(struct queue *spec, int fd)
{
	size_t header = spec->used;
	size_t length = 0;
	int rc = spec_put(spec, WIRE_SCRIPT, NULL, 0);

	while (rc == 0) {
		uint8_t *room = queue_reserve(spec, RUN_READ);
		ssize_t n = room ? read(fd, room, RUN_READ) : -1;

		if (!room)
			return -ENOMEM;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		queue_commit(spec, (size_t)n);
		length += (size_t)n;
		if (spec->used > WIRE_SPEC_MAX)
			rc = -E2BIG;
	}
	if (rc == 0)
		wire_put_u32(spec->bytes + spec->start + header + 4, (uint32_t)length);
	return rc;
}

static int put_script(struct queue *spec, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return -errno;
	rc = put_content(spec, fd);
	close(fd);
	return rc;
}

/* What a command that was called in a guest said of this task: files of its streams, and of programs. */
static int put_files(struct queue *spec)
{
	uint8_t bytes[TASK_FILE_BYTES];
	int rc = 0;

	for (unsigned int i = 0; i < TASK_FILES && rc == 0; i++) {
		char name[sizeof(TASKENV_FILE) + 8];
		struct task_file file;
		const char *value;

		(void)snprintf(name, sizeof(name), TASKENV_FILE, i);
		value = getenv(name);
		if (value)
			rc = task_file_parse(value, &file);
		if (value && rc == 0)
			rc = spec_put(spec, WIRE_FILE, bytes, task_file_pack(bytes, &file));
	}
	if (rc == 0 && getenv(TASKENV_PROGRAMS))
		rc = spec_put_text(spec, WIRE_PROGRAMS, getenv(TASKENV_PROGRAMS));
	return rc;
}

static int put_terminal(struct queue *spec, const struct terminal *terminal)
{
	uint8_t bytes[TERMINAL_BYTES];

	if (!terminal || !terminal->streams)
		return 0;
	terminal_pack(bytes, terminal);
	return spec_put(spec, WIRE_TERMINAL, bytes, sizeof(bytes));
}

/* `N.interactive`: LaunchParameters=use_interactive_step */
static bool is_interactive(const char *step)
{
	const char *dot = step ? strrchr(step, '.') : NULL;

	return dot && strcmp(dot, ".interactive") == 0;
}

int run_spec_build(const struct run_options *options, char **env, struct queue *spec, const char **what)
{
	int rc;

	*what = "the command's arguments";
	rc = put_argv(spec, options->argv);
	if (rc < 0)
		return rc;
	*what = "the environment";
	rc = put_env(spec, env);
	if (rc < 0)
		return rc;
	*what = "the working directory, umask and limits";
	rc = put_cwd(spec);
	if (rc == 0)
		rc = spec_put_umask(spec);
	if (rc == 0)
		rc = spec_put_limits(spec);
	if (rc == 0)
		rc = put_terminal(spec, options->terminal);
	if (rc == 0) {
		*what = "the names of its files";
		rc = put_files(spec);
	}
	/* salloc's shell is the user's on the host, which the image need not have */
	if (rc == 0 && is_interactive(options->step))
		rc = spec_put_text(spec, WIRE_FALLBACK, "/bin/sh");
	if (rc < 0 || !options->is_script)
		return rc;
	*what = "the batch script";
	return put_script(spec, options->argv[0]);
}
