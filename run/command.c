/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands' processes, and their streams as frames. */
#include "run/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/command.h"
#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "common/write.h"
#include "run/run.h"

#define COMMANDS_MAX 128U
#define TERMINAL_LEFT 131072U /* bytes that a terminal may still hold at its end; no kernel keeps more */
#define READ_MIN 4096U        /* wait for more credit rather than read a dribble: it is on its way */

extern char **environ;

struct output {
	struct run_command *command;
	uint8_t stream;
	int fd; /* -1: closed */
	sd_event_source *io;
	size_t left; /* once the command has ended: bytes that are its own */
};

struct run_command {
	struct run_command *next;
	struct run *run;
	uint32_t id;
	struct channel channel;
	struct queue spec;
	pid_t pid; /* 0: not started, or reaped */
	sd_event_source *child;
	int input; /* to write the command's stdin; -1: closed */
	sd_event_source *input_io;
	struct queue queue; /* for it */
	uint32_t consumed;  /* of it, for which CREDIT is owed */
	bool input_eof;
	struct output outputs[2];
	bool ended, killed;
	bool pty;             /* its input and output are a terminal */
	uint32_t kind, value; /* of EXITED */
};

static void send_frame(struct run_command *command, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, command->id, type, stream};
	const char *why;

	if (command->run->sock < 0)
		return;
	if (command_from_host(&command->channel, &frame, payload, &why) < 0)
		run_fail(command->run, EXIT_NODE, "a command's frame that may not be: %s", why);
	else
		run_client_send_frame(command->run, &frame, payload);
}

static void send_u32(struct run_command *command, uint8_t type, uint8_t stream, uint32_t number)
{
	uint8_t payload[4];

	wire_put_u32(payload, number);
	send_frame(command, type, stream, payload, sizeof(payload));
}

static void input_shut(struct run_command *command)
{
	command->input_io = sd_event_source_disable_unref(command->input_io);
	if (command->input >= 0)
		close(command->input);
	command->input = -1;
	command->consumed += (uint32_t)command->queue.used;
	queue_free(&command->queue);
}

static void output_shut(struct output *output)
{
	output->io = sd_event_source_disable_unref(output->io);
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
}

static void command_free(struct run_command *command)
{
	struct run_command **at = &command->run->commands;

	while (*at != command)
		at = &(*at)->next;
	*at = command->next;
	command->run->command_count--;
	if (command->pid > 0)
		(void)kill(command->pid, SIGKILL);
	command->child = sd_event_source_disable_unref(command->child);
	input_shut(command);
	output_shut(&command->outputs[0]);
	output_shut(&command->outputs[1]);
	queue_free(&command->spec);
	free(command);
}

/* EXITED comes after all that the command itself wrote. */
static void finish_if_done(struct run_command *command)
{
	uint8_t payload[8];

	if (!command->ended || command->outputs[0].fd >= 0 || command->outputs[1].fd >= 0)
		return;
	wire_put_u32(payload, command->kind);
	wire_put_u32(payload + 4, command->value);
	send_frame(command, WIRE_EXITED, 0, payload, sizeof(payload));
	command_free(command);
}

static void __attribute__((format(printf, 3, 4))) refuse(struct run_command *command, int code, const char *format, ...)
{
	char text[COMMAND_WHY_MAX];
	uint8_t payload[1 + COMMAND_WHY_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	str_printable(text);
	payload[0] = 1;
	memcpy(payload + 1, text, strlen(text));
	send_frame(command, WIRE_NOTE, 0, payload, 1 + strlen(text));
	command->ended = true;
	command->kind = 0;
	command->value = (uint32_t)code;
	finish_if_done(command);
}

/* --- standard input ------------------------------------------------------ */

static void grant(struct run_command *command, uint8_t stream, uint32_t *bytes, uint32_t least)
{
	if (*bytes == 0 || *bytes < least || command->channel.exited)
		return;
	send_u32(command, WIRE_CREDIT, stream, *bytes);
	*bytes = 0;
}

static void input_write(struct run_command *command)
{
	while (command->input >= 0 && command->queue.used > 0) {
		ssize_t n = write(command->input, queue_data(&command->queue), command->queue.used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			input_shut(command);
			break;
		}
		queue_pull(&command->queue, (size_t)n);
		command->consumed += (uint32_t)n;
	}
	queue_trim(&command->queue);
	if (command->input >= 0 && command->queue.used == 0 && command->input_eof)
		input_shut(command);
	if (command->input_io)
		(void)sd_event_source_set_enabled(command->input_io,
		                                  command->queue.used > 0 ? SD_EVENT_ON : SD_EVENT_OFF);
	grant(command, WIRE_STDIN, &command->consumed, COMMAND_GRANT);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct run_command *command = data;

	(void)source;
	(void)fd;
	(void)events;
	input_write(command);
	return 0;
}

static void take_input(struct run_command *command, const uint8_t *payload, size_t length)
{
	/* before there is a process, all is kept: the credit bounds it */
	if (command->pid > 0 && command->input < 0) {
		command->consumed += (uint32_t)length;
		grant(command, WIRE_STDIN, &command->consumed, COMMAND_GRANT);
	} else if (queue_push(&command->queue, payload, length) < 0) {
		run_fail(command->run, EXIT_NODE, "cannot keep a command's input: no memory");
	} else {
		input_write(command);
	}
}

/* --- standard output and errors ------------------------------------------ */

static bool output_may_read(const struct output *output)
{
	const struct run_command *command = output->command;

	return command->run->out.used < RUN_OUT_HIGH && command->channel.credit[output->stream] >= READ_MIN;
}

static void output_end(struct output *output)
{
	output_shut(output);
	if (!output->command->killed)
		send_frame(output->command, WIRE_EOF, output->stream, NULL, 0);
}

static void output_read(struct output *output)
{
	static uint8_t buffer[RUN_READ];
	struct run_command *command = output->command;
	size_t length = command->channel.credit[output->stream];
	ssize_t n;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	if (command->ended && length > output->left)
		length = output->left;
	n = length > 0 ? read(output->fd, buffer, length) : 0;
	if (n < 0 && (errno == EINTR || (errno == EAGAIN && !(command->pty && command->ended))))
		return;
	if (n > 0)
		send_frame(command, WIRE_DATA, output->stream, buffer, (size_t)n);
	if (n > 0 && command->ended)
		output->left -= (size_t)n;
	if (n <= 0 || (command->ended && output->left == 0))
		output_end(output);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct output *output = data;

	(void)fd;
	(void)events;
	if (output_may_read(output))
		output_read(output);
	else
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	finish_if_done(output->command);
	return 0;
}

static int output_open(struct run_command *command, int which, int fd)
{
	struct output *output = &command->outputs[which];

	output->fd = fd;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return sd_event_add_io(command->run->event, &output->io, fd, EPOLLIN, on_output, output);
}

void run_commands_pump(struct run *run)
{
	for (struct run_command *command = run->commands; command; command = command->next)
		for (int i = 0; i < 2; i++)
			if (command->outputs[i].io)
				(void)sd_event_source_set_enabled(command->outputs[i].io,
				                                  output_may_read(&command->outputs[i]) ? SD_EVENT_ON
				                                                                        : SD_EVENT_OFF);
}

/* --- the process ---------------------------------------------------------- */

/* What the command itself still has in its pipes is said; what others hold them for is not waited for. */
static int on_child(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct run_command *command = data;

	(void)source;
	command->pid = 0;
	command->ended = true;
	command->kind = info->si_code == CLD_EXITED ? 0 : 1;
	command->value = (uint32_t)info->si_status;
	input_shut(command);
	for (int i = 0; i < 2; i++) {
		struct output *output = &command->outputs[i];
		int bytes = 0;

		if (output->fd < 0)
			continue;
		if (command->pty && i == 0)
			output->left = TERMINAL_LEFT; /* all that can be read without waiting */
		else if (ioctl(output->fd, FIONREAD, &bytes) == 0 && bytes > 0)
			output->left = (size_t)bytes;
		else
			output->left = 0;
		if (output->left == 0 || command->killed)
			output_end(output);
		else
			(void)sd_event_source_set_enabled(output->io, SD_EVENT_ON);
	}
	finish_if_done(command);
	return 0;
}

/* All that a child has to know. */
struct execution {
	char **argv, **env;
	int std[3];
	const struct command_spec *spec;
};

static void set_limits(const struct command_spec *spec)
{
	for (size_t i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit;

		/* a core would be a file of the host's, there at the guest's word */
		if (!spec->limits[i].given || i == RLIMIT_CORE || getrlimit((__rlimit_resource_t)i, &limit) < 0)
			continue;
		limit.rlim_cur = spec->limits[i].soft < limit.rlim_max ? spec->limits[i].soft : limit.rlim_max;
		(void)setrlimit((__rlimit_resource_t)i, &limit);
	}
}

static void forbid_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &limit);
	}
}

static _Noreturn void become_command(const struct execution *execution, pid_t parent)
{
	char path[PATH_MAX];
	sigset_t none;

	for (int number = 1; number < SIGRTMAX; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	for (int i = 0; i < 3; i++)
		if (dup2(execution->std[i], i) < 0)
			_exit(126);
	/* a window's change is a signal of the terminal's session */
	if (execution->spec->terminal.streams && (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0))
		_exit(126);
	for (int fd = 3; fd < 1024; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (execution->spec->has_umask)
		(void)umask(execution->spec->umask);
	set_limits(execution->spec);
	forbid_core();
	if (str_print(path, sizeof(path), "%s/%s", WNODES_SLURM_BINDIR, execution->argv[0]) == 0)
		(void)execve(path, execution->argv, execution->env);
	dprintf(STDERR_FILENO, "wnodes: %s: %s\n", path, strerror(errno));
	_exit(127);
}

/* The batch script, as a file that sbatch reads through its standard input. */
static int script_fd(const struct command_spec *spec)
{
	int fd = memfd_create("slurm_script", MFD_CLOEXEC);

	if (fd >= 0 && write_all(fd, spec->script, spec->script_length) < 0) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A pipe for each stream, or the terminal, or the script in the place of the input. */
static int make_ends(struct run_command *command, const struct command_spec *spec, int ends[3][2])
{
	int rc = 0;

	command->pty = spec->terminal.streams != 0;
	if (command->pty)
		rc = command_pty_open(&spec->terminal, ends[0], ends[1]);
	for (int i = command->pty ? 2 : 0; i < 3 && rc == 0; i++)
		rc = pipe2(ends[i], O_CLOEXEC) < 0 ? -errno : 0;
	if (rc == 0 && spec->script) {
		close(ends[0][0]);
		ends[0][0] = script_fd(spec);
		rc = ends[0][0] < 0 ? -EIO : 0;
	}
	return rc;
}

/* Fork, with a pipe or the terminal for each stream; ends[i][0] is read from, [1] written to. */
static int spawn(struct run_command *command, struct execution *execution)
{
	int ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
	pid_t parent = getpid();
	sigset_t child;
	int rc = make_ends(command, execution->spec, ends);

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	if (rc == 0 && sigprocmask(SIG_BLOCK, &child, NULL) < 0)
		rc = -errno;
	if (rc < 0) {
		close_all(ends[0], 6);
		return rc;
	}
	execution->std[0] = ends[0][0];
	execution->std[1] = ends[1][1];
	execution->std[2] = ends[2][1];
	command->pid = fork();
	if (command->pid == 0)
		become_command(execution, parent);
	rc = command->pid < 0 ? -errno : 0;
	command->pid = command->pid < 0 ? 0 : command->pid;
	close_all(execution->std, 3);
	command->input = ends[0][1];
	(void)fcntl(command->input, F_SETFL, O_NONBLOCK);
	if (output_open(command, 0, ends[1][0]) < 0 || output_open(command, 1, ends[2][0]) < 0)
		rc = rc < 0 ? rc : -ENOMEM;
	return rc;
}

static int watch(struct run_command *command)
{
	struct run *run = command->run;
	int rc = sd_event_add_child(run->event, &command->child, command->pid, WEXITED, on_child, command);

	if (rc == 0)
		rc = sd_event_add_io(run->event, &command->input_io, command->input, EPOLLOUT, on_input, command);
	return rc;
}

/* What the guest is held against: the state is root's word, the rest Slurm's. */
static int make_context(struct run *run, struct kv *state, struct command_context *context)
{
	int rc = kv_load(state, run->dir_fd, "state");
	const char *names = rc == 0 ? kv_get(state, "slurm_commands") : NULL;

	*context = (struct command_context){.names = names ? names : "",
	                                    .job = rc == 0 ? kv_get(state, "job") : NULL,
	                                    .image = rc == 0 ? kv_get(state, "image") : NULL,
	                                    .mount = rc == 0 ? kv_get(state, "vm_mount") : NULL,
	                                    .boot_timeout = rc == 0 ? kv_get(state, "vm_boot_timeout") : NULL,
	                                    .disk = rc == 0 ? kv_get(state, "vm_disk") : NULL,
	                                    .network = rc == 0 ? kv_get(state, "vm_network") : NULL,
	                                    .other_images = rc == 0 && kv_get(state, "slurm_images") != NULL};
	return rc < 0 ? rc : context->job && context->image ? 0 : -ENOENT;
}

static void start(struct run_command *command)
{
	struct command_spec spec = {0};
	struct command_context context;
	struct execution execution = {.spec = &spec};
	struct kv state = {0};
	char why[COMMAND_WHY_MAX];
	int code = EXIT_USAGE, rc;

	rc = command_spec_parse(&spec, queue_data(&command->spec), command->spec.used);
	queue_free(&command->spec);
	(void)snprintf(why, sizeof(why), "the command's description is not right");
	if (rc == 0 && make_context(command->run, &state, &context) < 0) {
		code = EXIT_NODE;
		rc = -EIO;
		(void)snprintf(why, sizeof(why), "%s: the VM's state cannot be read", spec.argv[0]);
	}
	if (rc == 0) {
		code = command_policy(&spec, &context, &execution.argv, why);
		rc = code == 0 ? 0 : -EACCES;
	}
	if (rc == 0) {
		code = EXIT_NODE;
		execution.env = command_environment(&spec, environ);
		rc = execution.env ? spawn(command, &execution) : -ENOMEM;
		if (rc == 0)
			rc = watch(command);
		(void)snprintf(why, sizeof(why), "%s cannot be executed: %s", spec.argv[0], strerror(rc < 0 ? -rc : 0));
	}
	slurm_argv_free(execution.argv);
	slurm_argv_free(execution.env);
	command_spec_free(&spec);
	kv_free(&state);
	if (rc == 0)
		input_write(command);
	else
		refuse(command, code, "%s", why);
}

/* --- frames ---------------------------------------------------------------- */

static struct run_command *find(const struct run *run, uint32_t id)
{
	struct run_command *command = run->commands;

	while (command && command->id != id)
		command = command->next;
	return command;
}

static struct run_command *open_command(struct run *run, const struct wire_frame *frame)
{
	struct run_command *command = calloc(1, sizeof(*command));

	if (!command) {
		run_fail(run, EXIT_NODE, "cannot take a command of the VM: no memory");
		return NULL;
	}
	command->run = run;
	command->id = frame->channel;
	command->input = -1;
	channel_init(&command->channel);
	for (int i = 0; i < 2; i++)
		command->outputs[i] =
		        (struct output){.command = command, .stream = (uint8_t)(WIRE_STDOUT + i), .fd = -1};
	command->next = run->commands;
	run->commands = command;
	run->command_count++;
	return command;
}

/* The guest's caller was killed, and so is the command; whoever still holds its output is not waited for. */
static void kill_command(struct run_command *command)
{
	command->killed = true;
	if (command->pid > 0) {
		(void)kill(command->pid, SIGKILL);
		return;
	}
	output_shut(&command->outputs[0]);
	output_shut(&command->outputs[1]);
	if (!command->ended) {
		command->kind = 1;
		command->value = SIGKILL;
	}
	command->ended = true;
	finish_if_done(command);
}

static void take_spec(struct run_command *command, const uint8_t *payload, size_t length)
{
	if (queue_push(&command->spec, payload, length) < 0)
		run_fail(command->run, EXIT_NODE, "cannot take a command of the VM: no memory");
	else
		send_u32(command, WIRE_CREDIT, WIRE_SPEC, (uint32_t)length);
}

static void take_frame(struct run_command *command, const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_START) {
		start(command);
	} else if (frame->type == WIRE_DATA && frame->stream == WIRE_SPEC) {
		take_spec(command, payload, frame->length);
	} else if (frame->type == WIRE_DATA) {
		take_input(command, payload, frame->length);
	} else if (frame->type == WIRE_WINSIZE) {
		if (command->pty && command->outputs[0].fd >= 0)
			command_pty_resize(command->outputs[0].fd, payload);
	} else if (frame->type == WIRE_EOF && command->pty) {
		/* the caller's terminal has been hung up */
		if (command->pid > 0)
			(void)kill(command->pid, SIGHUP);
	} else if (frame->type == WIRE_EOF) {
		command->input_eof = true;
		input_write(command);
	} else if (frame->type == WIRE_SIGNAL && command->pid > 0 && command_is_signal(wire_u32(payload))) {
		(void)kill(command->pid, (int)wire_u32(payload));
	} else if (frame->type == WIRE_KILL) {
		kill_command(command);
	}
}

void run_command_take(struct run *run, const struct wire_frame *frame, const uint8_t *payload)
{
	struct run_command *command = find(run, frame->channel);
	const char *why;

	if (run->phase != RUN_RUNNING)
		return;
	if (!command && frame->type == WIRE_COMMAND)
		command = open_command(run, frame);
	if (!command) /* it crossed the EXITED */
		return;
	if (command_from_guest(&command->channel, frame, payload, &why) < 0) {
		run_fail(run, EXIT_MACHINE, "the VM's relay broke the protocol: %s", why);
		return;
	}
	if (frame->type == WIRE_COMMAND && run->command_count > COMMANDS_MAX)
		refuse(command, EXIT_NODE, "too many of Slurm's commands at once: at most %u of a task", COMMANDS_MAX);
	else
		take_frame(command, frame, payload);
}

void run_commands_close(struct run *run)
{
	/* their memory stays: a caller may be in the midst of one */
	for (struct run_command *command = run->commands; command; command = command->next) {
		if (command->pid > 0)
			(void)kill(command->pid, SIGKILL);
		command->pid = 0;
		command->child = sd_event_source_disable_unref(command->child);
		input_shut(command);
		output_shut(&command->outputs[0]);
		output_shut(&command->outputs[1]);
	}
}
