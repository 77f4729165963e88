/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/command.h"
#include "common/command_names.h"
#include "common/frame.h"
#include "guest/command.h"
#include "guest/request.h"

#define NODE 75
#define DENIED 77
#define OUT_HIGH 262144U /* bytes towards the agent from which stdin and spec are not read on */
#define READ_ONCE 65536U

struct client {
	const char *name;
	int sock, signals;
	struct queue in, out, spec;
	struct channel channel;
	bool input_closed;
	struct queue outputs[2]; /* stdout, stderr */
	uint32_t owed[2];        /* bytes of them that were written, for which CREDIT is owed */
	bool lost[2];            /* nobody reads it any more */
	bool exited;
	uint32_t kind, value;
	struct terminal terminal; /* stdin's and stdout's, for srun --pty; .streams is 0 without it */
};

static struct termios modes; /* of the terminal, as they were */
static bool raw;

bool client_is(const char *name)
{
	return command_names_have(COMMAND_NAMES, name);
}

static void say(const char *text, size_t length)
{
	fprintf(stderr, "wnodes: %.*s%s\n", (int)length, text, raw ? "\r" : "");
}

/* --- the terminal --------------------------------------------------------------- */

static void terminal_restore(void)
{
	if (raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
	raw = false;
}

/* The task's terminal echoes, edits lines and makes signals of keys: this one passes bytes. */
static void terminal_raw(struct client *client)
{
	struct termios passing;

	if (!client->terminal.streams || tcgetattr(STDIN_FILENO, &modes) < 0)
		return;
	passing = modes;
	cfmakeraw(&passing);
	(void)atexit(terminal_restore);
	raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &passing) == 0;
}

static _Noreturn void give_up(const struct client *client, const char *why)
{
	fprintf(stderr, "wnodes: %s: %s\n", client->name, why);
	exit(NODE);
}

/* --- frames ------------------------------------------------------------------ */

static void push(struct client *client, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, COMMAND_CHANNEL, type, stream};
	const char *why;

	if (client->exited)
		return;
	if (command_from_guest(&client->channel, &frame, payload, &why) < 0)
		give_up(client, why);
	if (frame_push(&client->out, &frame, payload) < 0)
		give_up(client, "no memory");
}

static void push_u32(struct client *client, uint8_t type, uint8_t stream, uint32_t number)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, number);
	push(client, type, stream, bytes, sizeof(bytes));
}

static void push_spec(struct client *client)
{
	while (!client->channel.start && client->out.used < OUT_HIGH) {
		size_t part = client->spec.used;

		if (part == 0) {
			push(client, WIRE_START, 0, NULL, 0);
			queue_free(&client->spec);
			break;
		}
		if (part > client->channel.credit[WIRE_SPEC])
			part = client->channel.credit[WIRE_SPEC];
		if (part > READ_ONCE)
			part = READ_ONCE;
		if (part == 0)
			break;
		push(client, WIRE_DATA, WIRE_SPEC, queue_data(&client->spec), part);
		queue_pull(&client->spec, part);
	}
}

static void consumed(struct client *client, int which, size_t length)
{
	client->owed[which] += (uint32_t)length;
	if (client->owed[which] < COMMAND_GRANT || client->exited)
		return;
	push_u32(client, WIRE_CREDIT, (uint8_t)(WIRE_STDOUT + which), client->owed[which]);
	client->owed[which] = 0;
}

static void take_frame(struct client *client, const struct wire_frame *frame, const uint8_t *payload)
{
	const char *why;

	if (command_from_host(&client->channel, frame, payload, &why) < 0)
		give_up(client, why);
	if (frame->type == WIRE_DATA) {
		int which = frame->stream == WIRE_STDERR;

		if (client->lost[which])
			consumed(client, which, frame->length);
		else if (queue_push(&client->outputs[which], payload, frame->length) < 0)
			give_up(client, "no memory");
	} else if (frame->type == WIRE_NOTE) {
		say((const char *)payload + 1, frame->length - 1);
	} else if (frame->type == WIRE_EXITED) {
		client->exited = true;
		client->kind = wire_u32(payload);
		client->value = wire_u32(payload + 4);
	}
}

static void read_frames(struct client *client)
{
	uint8_t *room = queue_reserve(&client->in, READ_ONCE);
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why = NULL;
	ssize_t n = room ? read(client->sock, room, READ_ONCE) : -1;
	int rc = 0;

	if (n < 0 && room && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		give_up(client, "the VM's agent is gone");
	queue_commit(&client->in, (size_t)n);
	while (!client->exited && (rc = frame_peek(&client->in, &frame, &payload, &why)) == 1) {
		take_frame(client, &frame, payload);
		frame_pull(&client->in, &frame);
	}
	if (rc < 0)
		give_up(client, why);
}

static void write_frames(struct client *client)
{
	ssize_t n = send(client->sock, queue_data(&client->out), client->out.used, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		queue_pull(&client->out, (size_t)n);
	/* a broken connection is seen by reading what the agent said before */
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		queue_pull(&client->out, client->out.used);
}

/* --- streams ------------------------------------------------------------------ */

static void read_input(struct client *client)
{
	static uint8_t buffer[READ_ONCE];
	size_t length = client->channel.credit[WIRE_STDIN];
	ssize_t n = read(STDIN_FILENO, buffer, length < sizeof(buffer) ? length : sizeof(buffer));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		push(client, WIRE_DATA, WIRE_STDIN, buffer, (size_t)n);
		return;
	}
	client->input_closed = true;
	push(client, WIRE_EOF, WIRE_STDIN, NULL, 0);
}

/* What poll(2) calls writable takes so much without blocking; the descriptor is shared with others. */
static void write_output(struct client *client, int which)
{
	struct queue *queue = &client->outputs[which];
	size_t length = queue->used < PIPE_BUF ? queue->used : PIPE_BUF;
	ssize_t n = write(STDOUT_FILENO + which, queue_data(queue), length);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		client->lost[which] = true;
		length = queue->used;
	} else {
		length = (size_t)n;
	}
	queue_pull(queue, length);
	queue_trim(queue);
	consumed(client, which, length);
}

static void tell_size(struct client *client)
{
	uint8_t bytes[TERMINAL_SIZE_BYTES];
	struct winsize size;

	if (!client->terminal.streams || !client->channel.start || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	terminal_put_size(bytes, &size);
	push(client, WIRE_WINSIZE, 0, bytes, sizeof(bytes));
}

static void forward_signal(struct client *client)
{
	struct signalfd_siginfo info;

	if (read(client->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		tell_size(client);
	else
		push_u32(client, WIRE_SIGNAL, 0, info.ssi_signo);
}

/*
 * As srun takes them; what stops a process stops this one. Those that the
 * caller ignores (a background job's SIGINT) stay so, but for srun, which
 * waits for them all the same.
 */
static void take_signals(struct client *client)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
	bool all = strcmp(client->name, "srun") == 0;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction action;

		if (all || (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN))
			sigaddset(&set, numbers[i]);
	}
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	client->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- the loop ------------------------------------------------------------------- */

static bool may_read(const struct client *client)
{
	return !client->input_closed && !client->exited && client->channel.start && client->out.used < OUT_HIGH &&
	       client->channel.credit[WIRE_STDIN] > 0;
}

static void turn(struct client *client)
{
	struct pollfd polls[5] = {
	        {.fd = client->exited ? -1 : client->sock,
	         .events = (short)(POLLIN | (client->out.used ? POLLOUT : 0))},
	        {.fd = client->exited ? -1 : client->signals, .events = POLLIN},
	        {.fd = may_read(client) ? STDIN_FILENO : -1, .events = POLLIN},
	        {.fd = client->outputs[0].used ? STDOUT_FILENO : -1, .events = POLLOUT},
	        {.fd = client->outputs[1].used ? STDERR_FILENO : -1, .events = POLLOUT},
	};

	if (poll(polls, 5, -1) < 0)
		return;
	if (polls[0].revents & POLLOUT)
		write_frames(client);
	if (polls[0].revents & ~POLLOUT)
		read_frames(client);
	if (polls[1].revents)
		forward_signal(client);
	if (polls[2].revents && may_read(client))
		read_input(client);
	for (int i = 0; i < 2; i++)
		if (polls[3 + i].revents)
			write_output(client, i);
	push_spec(client);
}

static int die(uint32_t number)
{
	struct rlimit none = {0, 0};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	signal((int)number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, (int)number);
	kill(getpid(), (int)number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 128 + (int)number;
}

static int connect_agent(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = COMMAND_SOCKET};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int client_run(int argc, char **argv)
{
	struct client client = {.name = argv[0], .sock = connect_agent()};
	char why[REQUEST_WHY_MAX];
	int code;

	if (client.sock < 0) {
		fprintf(stderr, "wnodes: %s: Slurm's commands do not work in this VM (%s)\n", argv[0], strerror(errno));
		return DENIED;
	}
	channel_init(&client.channel);
	/* what it reads may wait for ever, a FIFO or a terminal: until then signals end it */
	code = request_build(argc, argv, &client.spec, &client.terminal, why);
	if (code != 0) {
		say(why, strlen(why));
		return code;
	}
	take_signals(&client);
	terminal_raw(&client);
	/* the agent puts its own numbers in for the channel and the task */
	push_u32(&client, WIRE_COMMAND, 0, 0);
	push_spec(&client);
	while (!client.exited || client.outputs[0].used || client.outputs[1].used)
		turn(&client);
	close(client.sock);
	terminal_restore();
	return client.kind == 1 ? die(client.value) : (int)client.value;
}
