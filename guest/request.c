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
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/slurm_options.h"
#include "common/spec_put.h"
#include "common/str.h"
#include "common/wire.h"
#include "guest/programs.h"
#include "guest/request_multiprog.h"
#include "guest/request_streams.h"

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
	struct terminal *terminal; /* for srun --pty */
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

/* --- files that are sent ----------------------------------------------------- */

static int read_script(struct request *request, int fd, const char *name, struct queue *script)
{
	ssize_t n = 1;

	while (n > 0 && script->used <= SCRIPT_MAX) {
		uint8_t *room = queue_reserve(script, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n < 0 && room && errno == EINTR)
			n = 1;
		else if (n > 0)
			queue_commit(script, (size_t)n);
	}
	if (n < 0)
		return refuse(request, "%s: %s", name, strerror(errno));
	return script->used > SCRIPT_MAX ? refuse(request, "%s: a script has at most %u MiB", name, SCRIPT_MAX >> 20)
	                                 : 0;
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

/* As many tasks as the ranks want, where nobody says how many: as srun has it. */
static int send_programs(struct request *request, const char *lines, uint32_t tasks)
{
	int rc = spec_put_text(request->spec, WIRE_PROGRAMS, lines);

	slurm_line_drop(&request->line, SLURM_PROGRAMS);
	if (rc == 0 && tasks > 0 && !slurm_line_named(&request->line, "ntasks") && !getenv("SLURM_NTASKS") &&
	    str_print(request->tasks, sizeof(request->tasks), "%u", (unsigned int)tasks) == 0)
		rc = slurm_line_add(&request->line, request->command, "ntasks", request->tasks);
	return rc < 0 ? refuse(request, "no memory") : 0;
}

/* --multi-prog: the file's lines go to the tasks, each of which chooses its own. */
static int put_programs(struct request *request)
{
	const char *name = request->line.operand_count > 0 ? request->line.operands[0] : "";
	struct queue text = {0}, lines = {0};
	unsigned int line = 0;
	uint32_t tasks = 0;
	int fd, code, rc = 0;

	if (request->line.operand_count != 1)
		return refuse(request, "--multi-prog: give a file's name, and nothing else");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refuse(request, "%s: %s", name, strerror(errno));
	code = read_script(request, fd, name, &text);
	close(fd);
	if (code == 0)
		rc = queue_push(&text, (const uint8_t *)"", 1);
	if (code == 0 && rc == 0)
		rc = request_multiprog((const char *)queue_data(&text), &lines, &line);
	if (code == 0 && rc == 0)
		rc = queue_push(&lines, (const uint8_t *)"", 1);
	if (code == 0 && rc == 0)
		rc = programs_check((const char *)queue_data(&lines), &tasks, &line);
	if (code == 0 && rc == -EINVAL)
		code = refuse(request, "%s: line %u: give RANKS PROGRAM ARGUMENTS", name, line);
	else if (code == 0 && rc < 0)
		code = refuse(request, "%s: no memory", name);
	else if (code == 0 && (lines.used == 1 || lines.used > WIRE_PROGRAMS_MAX))
		code = refuse(request, "%s: %s", name, lines.used == 1 ? "it names no program" : "more than 64 KiB");
	if (code == 0)
		code = send_programs(request, (const char *)queue_data(&lines), tasks);
	queue_free(&text);
	queue_free(&lines);
	return code;
}

static int put_terminal(struct request *request)
{
	struct terminal *terminal = request->terminal;
	uint8_t bytes[TERMINAL_BYTES];

	if (slurm_line_find(&request->line, SLURM_PTY)->value)
		return refuse(request, "--pty: a terminal of the host is not used for a VM");
	/* as srun without a terminal has it */
	if (tcgetattr(STDIN_FILENO, &terminal->modes) < 0 || !isatty(STDOUT_FILENO)) {
		fputs("wnodes: srun: not using a pseudo-terminal, disregarding --pty option\n", stderr);
		slurm_line_drop(&request->line, SLURM_PTY);
		return 0;
	}
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal->size);
	terminal->streams = TERMINAL_STDIN | TERMINAL_STDOUT;
	terminal_pack(bytes, terminal);
	return spec_put(request->spec, WIRE_TERMINAL, bytes, sizeof(bytes)) < 0 ? refuse(request, "no memory") : 0;
}

/* --chdir: where the tasks begin. */
static int change_folder(struct request *request)
{
	const struct slurm_word *folder = slurm_line_find(&request->line, SLURM_FOLDER);
	char path[PATH_MAX];
	bool whole = folder && folder->value[0] == '/';

	if (!folder)
		return 0;
	if (str_print(path, sizeof(path), "%s%s%s", whole ? "" : request->cwd, whole ? "" : "/", folder->value) < 0)
		return refuse(request, "--chdir: the name is too long");
	memcpy(request->cwd, path, sizeof(path));
	slurm_line_drop(&request->line, SLURM_FOLDER);
	return 0;
}

static int prepare_srun(struct request *request)
{
	const char *list = getenv("SLURM_EXPORT_ENV");
	int code = request_streams(request->command, &request->line, request->spec, request->why);

	if (code == 0 && slurm_line_find(&request->line, SLURM_PTY))
		code = put_terminal(request);
	if (code == 0)
		code = change_folder(request);
	if (code == 0 && slurm_line_find(&request->line, SLURM_PROGRAMS))
		code = put_programs(request);
	else if (code == 0 && request->line.operand_count > 0)
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
	int code = read_script(request, fd, name, &script);

	if (code == 0 && (script.used < 2 || memcmp(queue_data(&script), "#!", 2) != 0))
		code = refuse(request, "%s: a batch script begins with #! and its interpreter", name);
	else if (code == 0 && spec_put(request->spec, WIRE_SCRIPT, queue_data(&script), script.used) < 0)
		code = refuse(request, "no memory for the script");
	queue_free(&script);
	return code;
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

int request_build(int argc, char **argv, struct queue *spec, struct terminal *terminal, char why[REQUEST_WHY_MAX])
{
	struct request request = {
	        .command = slurm_command_find(argv[0]), .spec = spec, .terminal = terminal, .why = why};
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
