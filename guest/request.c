/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/slurm_options.h"
#include "common/spec_put.h"
#include "common/str.h"
#include "common/wire.h"

#define USAGE 64
#define SCRIPT_MAX (4U << 20) /* bytes; Slurm's own limit */
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

extern char **environ;

struct request {
	const struct slurm_command *command;
	struct slurm_line line;
	struct queue *spec;
	char cwd[PATH_MAX];
	char program[PATH_MAX]; /* srun's, as a path; "" where it is not found */
	char copy[PATH_MAX];    /* sbcast's destination */
	char tasks[24], mode[8];
	char *why;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct request *request, const char *format, ...)
{
	va_list arguments;
	int length = snprintf(request->why, REQUEST_WHY_MAX, "%s: ", request->command->name);

	va_start(arguments, format);
	vsnprintf(request->why + length, REQUEST_WHY_MAX - (size_t)length, format, arguments);
	va_end(arguments);
	return USAGE;
}

/* --- environment ------------------------------------------------------------ */

static int put_environment(struct request *request)
{
	int rc = 0;

	for (char **p = environ; *p && rc == 0; p++)
		rc = spec_put_text(request->spec, WIRE_ENV, *p);
	return rc;
}

/* --- streams ---------------------------------------------------------------- */

/* `none`, `all`, or a task's number, which the host then refuses: it might be a file's name there. */
static bool is_stream(const char *value)
{
	return strcmp(value, "none") == 0 || strcmp(value, "all") == 0 ||
	       (*value && strspn(value, "0123456789") == strlen(value));
}

/* A file's name with what is known here put in for %j and %u. */
static int expand(struct request *request, const char *option, const char *value, char path[PATH_MAX])
{
	const char *job = getenv("SLURM_JOB_ID"), *user = getenv("USER");
	size_t used = 0;

	for (; *value && used < PATH_MAX; value++) {
		const char *text = value[0] != '%'   ? NULL
		                   : value[1] == '%' ? "%"
		                   : value[1] == 'j' ? job
		                   : value[1] == 'u' ? user
		                                     : NULL;

		if (value[0] == '%' && !text)
			return refuse(request,
			              "--%s: of the patterns only %%j, %%u and %%%% work in a VM; let the task open a "
			              "file of its own",
			              option);
		if (!text)
			path[used++] = *value;
		else if (str_print(path + used, PATH_MAX - used, "%s", text) == 0)
			used += strlen(text), value++;
		else
			return refuse(request, "--%s: the name is too long", option);
	}
	if (used >= PATH_MAX)
		return refuse(request, "--%s: the name is too long", option);
	path[used] = 0;
	return 0;
}

static int open_stream(struct request *request, const char *option, const char *value, int to, int flags)
{
	char path[PATH_MAX];
	int fd, code = expand(request, option, value, path);

	if (code != 0)
		return code;
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return refuse(request, "--%s=%s: %s", option, path, strerror(errno));
	if (dup2(fd, to) < 0)
		return refuse(request, "--%s=%s: %s", option, path, strerror(errno));
	close(fd);
	return 0;
}

/* srun's input, output and error: files are opened here, what is left is for Slurm. */
static int open_streams(struct request *request)
{
	const struct slurm_word *in = slurm_line_named(&request->line, "input");
	const struct slurm_word *out = slurm_line_named(&request->line, "output");
	const struct slurm_word *error = slurm_line_named(&request->line, "error");
	const struct slurm_word *mode = slurm_line_find(&request->line, SLURM_MODE);
	int flags = O_WRONLY | O_CREAT | (mode && mode->value[0] == 'a' ? O_APPEND : O_TRUNC);
	int code = 0;
	size_t kept = 0;

	if (in && !is_stream(in->value))
		code = open_stream(request, "input", in->value, STDIN_FILENO, O_RDONLY);
	if (code == 0 && out && !is_stream(out->value)) {
		code = open_stream(request, "output", out->value, STDOUT_FILENO, flags);
		/* as srun has it: errors go where the output goes, unless they are told otherwise */
		if (code == 0 && !error && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
			code = refuse(request, "--output: %s", strerror(errno));
	}
	if (code == 0 && error && !is_stream(error->value))
		code = open_stream(request, "error", error->value, STDERR_FILENO, flags);
	for (size_t i = 0; i < request->line.count; i++) {
		const struct slurm_word *word = &request->line.words[i];

		if (word->option->rule != SLURM_STREAM || is_stream(word->value))
			request->line.words[kept++] = *word;
	}
	request->line.count = kept;
	slurm_line_drop(&request->line, SLURM_MODE);
	return code;
}

/* --- srun --------------------------------------------------------------------- */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The program as a path of the guest: the host would look among its own. */
static void find_program(struct request *request)
{
	const char *name = request->line.operands[0], *folder = getenv("PATH");
	size_t length;

	if (strchr(name, '/')) {
		if (name[0] != '/' &&
		    str_print(request->program, sizeof(request->program), "%s/%s", request->cwd, name) == 0)
			request->line.operands[0] = request->program;
		return;
	}
	for (folder = folder ? folder : PATH_DEFAULT;; folder += length + 1) {
		length = strcspn(folder, ":");
		if (str_print(request->program, sizeof(request->program), "%.*s%s%s", (int)length,
		              length ? folder : request->cwd, length ? "/" : "", name) == 0 &&
		    is_program(request->program)) {
			request->line.operands[0] = request->program;
			return;
		}
		if (!folder[length])
			return;
	}
}

static int prepare_srun(struct request *request)
{
	const struct slurm_word *folder = slurm_line_find(&request->line, SLURM_FOLDER);
	const char *list = getenv("SLURM_EXPORT_ENV");
	int code = open_streams(request);

	if (code == 0 && folder &&
	    str_print(request->cwd, sizeof(request->cwd), "%s%s%s", folder->value[0] == '/' ? "" : request->cwd,
	              folder->value[0] == '/' ? "" : "/", folder->value) < 0)
		code = refuse(request, "--chdir: the name is too long");
	slurm_line_drop(&request->line, SLURM_FOLDER);
	if (code == 0 && request->line.operand_count > 0)
		find_program(request);
	/* a job that was submitted with --export has its steps obey the same */
	if (code == 0 && list && !slurm_line_find(&request->line, SLURM_EXPORT) &&
	    slurm_line_add(&request->line, request->command, "export", list) < 0)
		code = refuse(request, "no memory");
	return code;
}

/* --- sbcast: a step that writes its input to the file, once on each node --------- */

static int add(struct request *request, const char *name, const char *value)
{
	return slurm_line_add(&request->line, request->command, name, value);
}

static int prepare_sbcast(struct request *request)
{
	static const char *const script =
	        "umask 077; t=$1.$$; { [ $3 = yes ] || [ ! -e \"$1\" ]; } || "
	        "{ echo \"sbcast: $1: File exists\" >&2; cat > /dev/null; exit 1; }; "
	        "cat > \"$t\" && chmod \"$2\" \"$t\" && mv -f \"$t\" \"$1\" || { rm -f \"$t\"; exit 1; }";
	const char *nodes = getenv("SLURM_JOB_NUM_NODES");
	bool force = slurm_line_named(&request->line, "force") != NULL;
	const char *const operands[7] = {"/bin/sh", "-c", script, "sbcast"};
	struct stat st;
	int fd, rc;

	if (request->line.operand_count != 2)
		return refuse(request, "give a source and a destination");
	fd = open(request->line.operands[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || dup2(fd, STDIN_FILENO) < 0)
		return refuse(request, "%s: %s", request->line.operands[0],
		              fd < 0 ? strerror(errno) : "not a regular file");
	close(fd);
	if (str_print(request->copy, sizeof(request->copy), "%s%s%s",
	              request->line.operands[1][0] == '/' ? "" : request->cwd,
	              request->line.operands[1][0] == '/' ? "" : "/", request->line.operands[1]) < 0)
		return refuse(request, "the destination's name is too long");
	snprintf(request->mode, sizeof(request->mode), "%04o", (unsigned int)(st.st_mode & 0777));
	str_print(request->tasks, sizeof(request->tasks), "%.20s", nodes ? nodes : "1");
	slurm_line_free(&request->line);
	request->command = slurm_command_find("srun");
	rc = add(request, "nodes", request->tasks);
	rc = rc < 0 ? rc : add(request, "ntasks", request->tasks);
	rc = rc < 0 ? rc : add(request, "ntasks-per-node", "1");
	rc = rc < 0 ? rc : add(request, "overlap", NULL);
	rc = rc < 0 ? rc : add(request, "quiet", NULL);
	request->line.operands = malloc(sizeof(operands));
	if (rc < 0 || !request->line.operands)
		return refuse(request, "no memory");
	memcpy(request->line.operands, operands, sizeof(operands));
	request->line.operands[4] = request->copy;
	request->line.operands[5] = request->mode;
	request->line.operands[6] = force ? "yes" : "no";
	request->line.operand_count = 7;
	return 0;
}

/* --- sbatch ------------------------------------------------------------------------ */

static int put_script(struct request *request, int fd, const char *name)
{
	struct queue script = {0};
	ssize_t n = 1;
	int rc = 0;

	while (n > 0 && script.used <= SCRIPT_MAX) {
		uint8_t *room = queue_reserve(&script, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n < 0 && room && errno == EINTR)
			n = 1;
		else if (n > 0)
			queue_commit(&script, (size_t)n);
	}
	if (n < 0)
		rc = refuse(request, "%s: %s", name, strerror(errno));
	else if (script.used > SCRIPT_MAX)
		rc = refuse(request, "%s: a script has at most %u MiB", name, SCRIPT_MAX >> 20);
	else if (script.used < 2 || memcmp(queue_data(&script), "#!", 2) != 0)
		rc = refuse(request, "%s: a batch script begins with #! and its interpreter", name);
	else if (spec_put(request->spec, WIRE_SCRIPT, queue_data(&script), script.used) < 0)
		rc = refuse(request, "no memory for the script");
	queue_free(&script);
	return rc;
}

static int open_script(struct request *request)
{
	const char *name = request->line.operands[0], *folder = getenv("PATH");
	char path[PATH_MAX];
	size_t length;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	/* as sbatch: the folder of the caller first, then along PATH */
	for (; fd < 0 && errno == ENOENT && folder && !strchr(name, '/'); folder += length + 1) {
		length = strcspn(folder, ":");
		if (str_print(path, sizeof(path), "%.*s/%s", (int)length, folder, name) == 0 && is_program(path))
			fd = open(path, O_RDONLY | O_CLOEXEC);
		if (!folder[length])
			break;
	}
	return fd;
}

static int prepare_sbatch(struct request *request)
{
	int fd, code;

	if (slurm_line_named(&request->line, "wrap") || slurm_line_named(&request->line, "help") ||
	    slurm_line_named(&request->line, "usage") || slurm_line_named(&request->line, "version"))
		return 0;
	if (request->line.operand_count == 0)
		return put_script(request, STDIN_FILENO, "standard input");
	fd = open_script(request);
	if (fd < 0)
		return refuse(request, "%s: %s", request->line.operands[0], strerror(errno));
	code = put_script(request, fd, request->line.operands[0]);
	close(fd);
	return code;
}

/* --- all ----------------------------------------------------------------------------- */

static int put_line(struct request *request)
{
	char **argv = slurm_render(&request->line, request->command->name);
	int rc = argv ? 0 : -ENOMEM;

	for (char **p = argv; rc == 0 && *p; p++)
		rc = spec_put_text(request->spec, WIRE_ARG, *p);
	slurm_argv_free(argv);
	return rc;
}

static int put_all(struct request *request)
{
	int rc = put_line(request);

	if (rc == 0)
		rc = put_environment(request);
	if (rc == 0 && request->cwd[0] == '/')
		rc = spec_put_text(request->spec, WIRE_CWD, request->cwd);
	if (rc == 0)
		rc = spec_put_umask(request->spec);
	if (rc == 0)
		rc = spec_put_limits(request->spec);
	return rc < 0 ? refuse(request, "the command cannot be sent to the host: %s", strerror(-rc)) : 0;
}

int request_build(int argc, char **argv, struct queue *spec, char why[REQUEST_WHY_MAX])
{
	struct request request = {.command = slurm_command_find(argv[0]), .spec = spec, .why = why};
	int code =
	        slurm_parse(&request.line, request.command, argc - 1, argv + 1, why, REQUEST_WHY_MAX) < 0 ? USAGE : 0;

	if (!getcwd(request.cwd, sizeof(request.cwd)))
		request.cwd[0] = 0;
	if (code == 0 && strcmp(argv[0], "srun") == 0)
		code = prepare_srun(&request);
	else if (code == 0 && strcmp(argv[0], "sbcast") == 0)
		code = prepare_sbcast(&request);
	else if (code == 0 && strcmp(argv[0], "sbatch") == 0)
		code = prepare_sbatch(&request);
	if (code == 0)
		code = put_all(&request);
	slurm_line_free(&request.line);
	return code;
}
