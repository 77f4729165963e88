/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for tests of the relay: channel on fd 3, console on fd 4. With mode
 * `agent` it executes tasks in the plainest way that follows
 * common/protocol.md (no ids, no cwd, no limits); the other modes are guests
 * gone wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/frame.h"

#define CHANNEL 3
#define CONSOLE 4
#define TASKS 256

struct task {
	struct channel channel;
	struct queue spec, input;
	pid_t pid;
	int in, out[2]; /* stdin's writing end; stdout's and stderr's reading ends */
	bool in_eof, ended;
	int status;
};

static struct queue to_relay, from_relay;
static struct task *tasks[TASKS];

static void fail(const char *why)
{
	fprintf(stderr, "fakeguest: %s\n", why);
	exit(1);
}

static void send_frame(uint32_t channel, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, channel, type, stream};

	if (frame_push(&to_relay, &frame, payload) < 0)
		fail("no memory");
}

/* Blocking; for the modes that send little or do not care. */
static void flush_all(void)
{
	while (to_relay.used > 0) {
		ssize_t n = write(CHANNEL, queue_data(&to_relay), to_relay.used);

		if (n <= 0)
			exit(0);
		queue_pull(&to_relay, (size_t)n);
	}
}

static void hello(uint32_t version)
{
	uint8_t payload[20];

	memcpy(payload, WIRE_MAGIC, 8);
	wire_put_u32(payload + 8, version);
	wire_put_u32(payload + 12, 0);
	memcpy(payload + 16, "fake", 4);
	send_frame(0, WIRE_HELLO, 0, payload, sizeof(payload));
}

static void credit(struct task *task, uint8_t stream, size_t length)
{
	uint8_t payload[4];

	wire_put_u32(payload, (uint32_t)length);
	task->channel.credit[stream] += (uint32_t)length;
	send_frame(task->channel.id, WIRE_CREDIT, stream, payload, sizeof(payload));
}

static struct task *find(uint32_t id)
{
	for (int i = 0; i < TASKS; i++)
		if (tasks[i] && tasks[i]->channel.id == id)
			return tasks[i];
	return NULL;
}

static void execute(struct task *task, int in, int out, int err)
{
	char *argv[1024] = {0};
	char *env[1024] = {0};
	struct wire_attribute attribute;
	size_t offset = 0, args = 0, vars = 0;

	while (wire_next_attribute(queue_data(&task->spec), task->spec.used, &offset, &attribute) == 1) {
		if (attribute.tag == WIRE_ARG && args < 1023)
			argv[args++] = strndup((const char *)attribute.bytes, attribute.length);
		if (attribute.tag == WIRE_ENV && vars < 1023)
			env[vars++] = strndup((const char *)attribute.bytes, attribute.length);
	}
	setpgid(0, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	(void)close_range(3, ~0U, 0);
	signal(SIGPIPE, SIG_DFL);
	execvpe(argv[0], argv, env);
	_exit(127);
}

static void start(struct task *task)
{
	int in[2], out[2], err[2];
	uint8_t payload[4];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		fail("pipe");
	task->pid = fork();
	if (task->pid == 0)
		execute(task, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	task->in = in[1];
	fcntl(task->in, F_SETFL, O_NONBLOCK | O_WRONLY);
	task->out[0] = out[0];
	task->out[1] = err[0];
	wire_put_u32(payload, (uint32_t)task->pid);
	send_frame(task->channel.id, WIRE_STARTED, 0, payload, 4);
}

static void take_task_frame(const struct wire_frame *frame, const uint8_t *payload)
{
	struct task *task = find(frame->channel);
	struct wire_frame local = *frame;
	const char *why;

	if (!task && frame->type == WIRE_OPEN) {
		int i = 0;

		while (i < TASKS && tasks[i])
			i++;
		if (i == TASKS)
			fail("too many tasks");
		task = tasks[i] = calloc(1, sizeof(*task));
		channel_init(&task->channel);
		task->channel.id = frame->channel;
		task->in = task->out[0] = task->out[1] = -1;
	}
	if (!task)
		return;
	local.channel = 1;
	if (channel_from_client(&task->channel, &local, payload, &why) < 0)
		fail(why);
	if (frame->type == WIRE_DATA && frame->stream == WIRE_SPEC) {
		queue_push(&task->spec, payload, frame->length);
		credit(task, WIRE_SPEC, frame->length);
	} else if (frame->type == WIRE_DATA) {
		queue_push(&task->input, payload, frame->length);
	} else if (frame->type == WIRE_EOF) {
		task->in_eof = true;
	} else if (frame->type == WIRE_START) {
		start(task);
	} else if (frame->type == WIRE_SIGNAL && task->pid > 0 && !task->ended) {
		kill(-task->pid, (int)wire_u32(payload));
	} else if (frame->type == WIRE_KILL && task->pid > 0 && !task->ended) {
		kill(-task->pid, SIGKILL);
	} else if (frame->type == WIRE_KILL && task->pid == 0) {
		task->ended = true;
		task->status = SIGKILL;
	}
}

static void take_frame(const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_JOB)
		send_frame(0, WIRE_READY, 0, NULL, 0);
	else if (frame->type == WIRE_PING)
		send_frame(0, WIRE_PONG, 0, payload, 8);
	else if (frame->channel != 0)
		take_task_frame(frame, payload);
}

static void read_relay(void)
{
	uint8_t *room = queue_reserve(&from_relay, 262144);
	ssize_t n = read(CHANNEL, room, 262144);
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	int rc;

	if (n <= 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		exit(0);
	queue_commit(&from_relay, (size_t)n);
	while ((rc = frame_peek(&from_relay, &frame, &payload, &why)) == 1) {
		take_frame(&frame, payload);
		frame_pull(&from_relay, &frame);
	}
	if (rc < 0)
		fail(why);
}

static void write_input(struct task *task)
{
	ssize_t n = task->input.used ? write(task->in, queue_data(&task->input), task->input.used) : 0;

	if (n > 0) {
		queue_pull(&task->input, (size_t)n);
		credit(task, WIRE_STDIN, (size_t)n);
	} else if (n < 0 && errno != EAGAIN) {
		credit(task, WIRE_STDIN, task->input.used);
		queue_pull(&task->input, task->input.used);
		close(task->in);
		task->in = -1;
	}
	if (task->in >= 0 && task->in_eof && task->input.used == 0) {
		close(task->in);
		task->in = -1;
	}
}

static void read_output(struct task *task, int i)
{
	uint8_t stream = (uint8_t)(WIRE_STDOUT + i);
	uint8_t buffer[WIRE_PAYLOAD_MAX];
	size_t length = task->channel.credit[stream];
	ssize_t n;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	n = read(task->out[i], buffer, length);
	if (n > 0) {
		task->channel.credit[stream] -= (uint32_t)n;
		send_frame(task->channel.id, WIRE_DATA, stream, buffer, (size_t)n);
		return;
	}
	send_frame(task->channel.id, WIRE_EOF, stream, NULL, 0);
	close(task->out[i]);
	task->out[i] = -1;
}

static void finish_tasks(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < TASKS; i++)
			if (tasks[i] && tasks[i]->pid == pid) {
				tasks[i]->ended = true;
				tasks[i]->status = status;
			}
	for (int i = 0; i < TASKS; i++) {
		struct task *task = tasks[i];
		uint8_t payload[8];

		if (!task || !task->ended || task->out[0] >= 0 || task->out[1] >= 0)
			continue;
		wire_put_u32(payload, WIFSIGNALED(task->status));
		wire_put_u32(payload + 4, (uint32_t)(WIFSIGNALED(task->status) ? WTERMSIG(task->status)
		                                                               : WEXITSTATUS(task->status)));
		send_frame(task->channel.id, WIRE_EXITED, 0, payload, 8);
		if (task->in >= 0)
			close(task->in);
		queue_free(&task->spec);
		queue_free(&task->input);
		free(task);
		tasks[i] = NULL;
	}
}

static struct pollfd polls[1 + 3 * TASKS];
static struct task *whose[1 + 3 * TASKS];

static nfds_t fill_polls(void)
{
	nfds_t count = 1;

	polls[0] = (struct pollfd){CHANNEL, (short)(POLLIN | (to_relay.used ? POLLOUT : 0)), 0};
	for (int i = 0; i < TASKS; i++) {
		struct task *task = tasks[i];

		if (!task)
			continue;
		if (task->in >= 0 && (task->input.used > 0 || task->in_eof)) {
			whose[count] = task;
			polls[count++] = (struct pollfd){task->in, POLLOUT, 0};
		}
		for (int j = 0; j < 2; j++)
			if (task->out[j] >= 0 && task->channel.credit[WIRE_STDOUT + j] > 0) {
				whose[count] = task;
				polls[count++] = (struct pollfd){task->out[j], POLLIN, 0};
			}
	}
	return count;
}

static void agent(void)
{
	fcntl(CHANNEL, F_SETFL, O_NONBLOCK | O_RDWR);
	signal(SIGPIPE, SIG_IGN);
	hello(WIRE_VERSION);
	for (;;) {
		nfds_t count = fill_polls();

		(void)poll(polls, count, 50);
		for (nfds_t i = 1; i < count; i++) {
			if (!polls[i].revents)
				continue;
			if (polls[i].fd == whose[i]->in)
				write_input(whose[i]);
			else
				read_output(whose[i], polls[i].fd == whose[i]->out[1]);
		}
		finish_tasks();
		if (polls[0].revents & (POLLIN | POLLHUP))
			read_relay();
		if (to_relay.used > 0) {
			ssize_t n = write(CHANNEL, queue_data(&to_relay), to_relay.used);

			if (n > 0)
				queue_pull(&to_relay, (size_t)n);
		}
	}
}

/* Read frames until one of that type; its channel. */
static uint32_t await(uint8_t type)
{
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;

	for (;;) {
		while (frame_peek(&from_relay, &frame, &payload, &why) == 1) {
			frame_pull(&from_relay, &frame);
			if (frame.type == type)
				return frame.channel;
		}
		uint8_t *room = queue_reserve(&from_relay, 65536);
		ssize_t n = read(CHANNEL, room, 65536);

		if (n <= 0)
			exit(0);
		queue_commit(&from_relay, (size_t)n);
	}
}

/* Correct up to READY, then, once a task is there, wrong in the named way. */
static void misbehave(const char *mode)
{
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	uint32_t id;

	hello(WIRE_VERSION);
	flush_all();
	(void)await(WIRE_JOB);
	send_frame(0, WIRE_READY, 0, NULL, 0);
	flush_all();
	id = await(WIRE_START);
	send_frame(id, WIRE_DATA, WIRE_STDOUT, "before\n", 7);
	if (strcmp(mode, "unknown") == 0)
		send_frame(id + 1, WIRE_DATA, WIRE_STDOUT, "x", 1);
	else if (strcmp(mode, "type") == 0)
		send_frame(id, WIRE_START, 0, NULL, 0);
	else if (strcmp(mode, "hello") == 0)
		hello(WIRE_VERSION);
	else if (strcmp(mode, "credit") == 0)
		send_frame(id, WIRE_CREDIT, WIRE_STDIN, "\377\377\377\177", 4);
	else if (strcmp(mode, "exited") == 0)
		send_frame(id, WIRE_EXITED, 0, "\1\0\0\0\377\0\0\0", 8);
	else if (strcmp(mode, "die") == 0) {
		flush_all();
		exit(0);
	} else if (strcmp(mode, "deaf") == 0) {
		flush_all();
		pause();
	} else if (strcmp(mode, "panic") == 0) {
		static const char text[] = "[1.0] first\r\n[1.1] \033[31mKernel panic - not syn";

		if (write(CONSOLE, text, sizeof(text) - 1) < 0)
			exit(1);
		flush_all();
		usleep(100000);
		if (write(CONSOLE, "cing: test\n[1.2] last words\n", 28) < 0)
			exit(1);
		pause();
	}
	for (uint32_t n = 0;; n++) {
		if (strcmp(mode, "notes") == 0) {
			bytes[0] = 1;
			snprintf((char *)bytes + 1, 64, "note %u", n);
			send_frame(id, WIRE_NOTE, 0, bytes, 1 + strlen((char *)bytes + 1));
		} else {
			send_frame(id, WIRE_DATA, WIRE_STDOUT, bytes, sizeof(bytes));
		}
		flush_all();
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "agent";

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(mode, "agent") == 0)
		agent();
	if (strcmp(mode, "nothing") == 0)
		for (;;)
			pause();
	if (strcmp(mode, "version") == 0) {
		hello(2);
		flush_all();
		for (;;)
			pause();
	}
	if (strcmp(mode, "garbage") == 0) {
		int fd = open("/dev/urandom", O_RDONLY);
		uint8_t bytes[4096];

		while (read(fd, bytes, sizeof(bytes)) > 0 && write(CHANNEL, bytes, sizeof(bytes)) > 0)
			;
		for (;;)
			pause();
	}
	misbehave(mode);
	return 0;
}
