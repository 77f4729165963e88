/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/command.o guest/port.o guest/ring.o guest/memory.o guest/log.o */
/* links: common/command.o common/command_names.o common/channel.o common/frame.o common/queue.o */
/* links: common/wire.o common/str.o */
/* links: guest/small_file.o */
/*
 * The agent's side of Slurm's commands, with the test as callers and host. A
 * caller may send what it likes: the host must not take it for the agent's
 * violation, which would end the machine.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/command.h"
#include "common/frame.h"
#include "guest/command.h"
#include "guest/links.h"
#include "guest/memory.h"
#include "guest/supervisor.h"

static uint32_t parent = 5;

/* What is not linked here: the task that a caller descends from, and the guest's files. */
uint32_t tasks_channel_of(const struct tasks *tasks, pid_t pid)
{
	(void)tasks;
	assert_int_equal(pid, getpid());
	return parent;
}

void links_make(const char *names)
{
	(void)names;
}

void supervisor_forgets(int fd)
{
	(void)fd;
}

#define HOSTS_MAX 4096U

struct bench {
	struct commands commands;
	struct port port;
	int host;
	struct queue in; /* from the agent */
	struct {
		struct channel channel;
		bool open;
	} channels[HOSTS_MAX]; /* as the host has them, by their numbers */
	uint32_t last;
	size_t exited;
};

static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(port_init(&b->port, NULL, pair[0]), 0);
	b->host = pair[1];
	b->commands.listener = -1;
	b->commands.uid = getuid();
	return b;
}

static void bench_free(struct bench *b)
{
	commands_close(&b->commands);
	port_close(&b->port);
	ring_free(&b->port.out);
	memory_free(b->port.in, 4 * WIRE_PAYLOAD_MAX);
	queue_free(&b->in);
	close(b->host);
	free(b);
}

static int caller(struct bench *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	commands_accept(&b->commands, pair[0]);
	return pair[1];
}

/* The host's view of a frame: nothing that the protocol does not allow. */
static void host_takes(struct bench *b, const struct wire_frame *frame, const uint8_t *payload)
{
	uint32_t id = frame->channel & ~COMMAND_CHANNEL;
	const char *why = "";

	assert_true(command_is_channel(frame->channel));
	assert_true(id < HOSTS_MAX);
	if (frame->type == WIRE_COMMAND) {
		assert_int_equal(id, b->last + 1);
		assert_int_equal(wire_u32(payload), parent);
		b->last = id;
		channel_init(&b->channels[id].channel);
		b->channels[id].open = true;
	}
	assert_true(id <= b->last);
	if (!b->channels[id].open)
		return; /* it crossed EXITED */
	if (command_from_guest(&b->channels[id].channel, frame, payload, &why) < 0)
		fail_msg("%s (%s)", why, wire_type_name(frame->type));
}

static void turn(struct bench *b)
{
	struct pollfd polls[1 + COMMANDS_MAX];
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	ssize_t n;

	for (int i = 0; i < 4; i++) {
		size_t count = commands_poll(&b->commands, polls, port_has_room(&b->port));

		if (poll(polls, (nfds_t)count, 0) > 0)
			commands_ready(&b->commands, polls);
		commands_speak(&b->commands, &b->port);
		b->port.full = false;
		assert_int_equal(port_flush(&b->port), 0);
		while ((n = read(b->host, queue_reserve(&b->in, 65536), 65536)) > 0)
			queue_commit(&b->in, (size_t)n);
		while (frame_peek(&b->in, &frame, &payload, &why) == 1) {
			host_takes(b, &frame, payload);
			frame_pull(&b->in, &frame);
		}
	}
}

/* The host sends a frame, if it may. */
static void host_sends(struct bench *b, uint32_t id, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, COMMAND_CHANNEL | id, type, stream};
	const char *why;

	if (!b->channels[id].open || command_from_host(&b->channels[id].channel, &frame, payload, &why) < 0)
		return;
	if (type == WIRE_EXITED) {
		b->channels[id].open = false;
		b->exited++;
	}
	assert_int_equal(commands_frame(&b->commands, &frame, payload, &why), 0);
	turn(b);
}

static void put(struct bench *b, int fd, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	struct wire_frame frame = {(uint32_t)length, COMMAND_CHANNEL, type, stream};
	struct queue queue = {0};

	frame_push(&queue, &frame, payload);
	(void)!send(fd, queue_data(&queue), queue.used, MSG_NOSIGNAL);
	queue_free(&queue);
	turn(b);
}

static uint8_t next_type(int fd)
{
	uint8_t bytes[WIRE_HEADER + 256];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);

	if (n < (ssize_t)WIRE_HEADER)
		return 0;
	(void)!read(fd, bytes, WIRE_HEADER + wire_u32(bytes));
	return bytes[8];
}

static void a_command_comes_and_goes(void **state)
{
	struct bench *b = bench_new();
	int fd = caller(b);

	(void)state;
	put(b, fd, WIRE_COMMAND, 0, "\0\0\0\0", 4);
	put(b, fd, WIRE_DATA, WIRE_SPEC, "x", 1);
	put(b, fd, WIRE_START, 0, NULL, 0);
	assert_true(b->channels[1].channel.start);
	host_sends(b, 1, WIRE_DATA, WIRE_STDOUT, "out", 3);
	host_sends(b, 1, WIRE_EXITED, 0, "\0\0\0\0\3\0\0\0", 8);
	assert_int_equal(next_type(fd), WIRE_DATA);
	assert_int_equal(next_type(fd), WIRE_EXITED);
	assert_int_equal(b->commands.count, 0);
	close(fd);
	bench_free(b);
}

static void a_caller_that_goes_kills_its_command(void **state)
{
	struct bench *b = bench_new();
	int fd = caller(b), silent = caller(b);

	(void)state;
	put(b, fd, WIRE_COMMAND, 0, "\0\0\0\0", 4);
	close(fd);
	close(silent);
	turn(b);
	assert_int_equal(b->commands.count, 1);
	host_sends(b, 1, WIRE_DATA, WIRE_STDERR, "late", 4);
	host_sends(b, 1, WIRE_EXITED, 0, "\1\0\0\0\11\0\0\0", 8);
	assert_int_equal(b->commands.count, 0);
	bench_free(b);
}

static void a_caller_without_a_task_is_refused(void **state)
{
	struct bench *b = bench_new();
	int fd;

	(void)state;
	parent = 0;
	fd = caller(b);
	parent = 5;
	put(b, fd, WIRE_COMMAND, 0, "\0\0\0\0", 4);
	assert_int_equal(next_type(fd), WIRE_NOTE);
	assert_int_equal(next_type(fd), WIRE_EXITED);
	assert_int_equal(b->last, 0);
	assert_int_equal(b->commands.count, 0);
	close(fd);
	bench_free(b);
}

static void one_that_reads_nothing_is_dropped(void **state)
{
	struct bench *b = bench_new();
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	int fd = caller(b);
	uint8_t more[4];

	(void)state;
	wire_put_u32(more, sizeof(bytes));
	put(b, fd, WIRE_COMMAND, 0, "\0\0\0\0", 4);
	put(b, fd, WIRE_START, 0, NULL, 0);
	/* it grants what it has not read, for ever */
	for (int i = 0; i < 200 && b->channels[1].open; i++) {
		host_sends(b, 1, WIRE_DATA, WIRE_STDOUT, bytes, sizeof(bytes));
		put(b, fd, WIRE_CREDIT, WIRE_STDOUT, more, sizeof(more));
	}
	host_sends(b, 1, WIRE_EXITED, 0, "\1\0\0\0\11\0\0\0", 8);
	assert_int_equal(b->commands.count, 0);
	close(fd);
	bench_free(b);
}

static bool is_hung_up(int fd)
{
	uint8_t bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
	return n == 0;
}

static size_t any(unsigned int *seed, size_t below)
{
	return (size_t)rand_r(seed) % below;
}

static void end_all(struct bench *b)
{
	for (uint32_t id = 1; id <= b->last; id++)
		host_sends(b, id, WIRE_EXITED, 0, "\0\0\0\0\3\0\0\0", 8);
}

/* A caller whose COMMAND has been sent, mostly. */
static int fresh_caller(struct bench *b, unsigned int *seed)
{
	int fd = caller(b);

	if (any(seed, 8) > 0)
		put(b, fd, WIRE_COMMAND, 0, "\0\0\0\0", 4);
	return fd;
}

static void random_callers_break_nothing_but_themselves(void **state)
{
	static const uint8_t types[] = {WIRE_COMMAND, WIRE_DATA,   WIRE_DATA, WIRE_DATA, WIRE_EOF,    WIRE_CREDIT,
	                                WIRE_START,   WIRE_SIGNAL, WIRE_KILL, WIRE_OPEN, WIRE_EXITED, WIRE_NOTE};
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	unsigned int seed = 20260417;

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct bench *b = bench_new();
		int fds[8];

		for (size_t i = 0; i < 8; i++)
			fds[i] = fresh_caller(b, &seed);
		for (int i = 0; i < 600; i++) {
			size_t which = any(&seed, 8);
			uint8_t type = types[any(&seed, sizeof(types))];
			size_t length = type == WIRE_DATA ? 1 + any(&seed, any(&seed, 8) ? 200 : sizeof(bytes) - 1)
			                : type == WIRE_EOF || type == WIRE_START || type == WIRE_KILL ? 0
			                                                                              : 4;
			uint32_t id = 1 + (uint32_t)any(&seed, b->last + 1);

			wire_put_u32(bytes, (uint32_t)any(&seed, 70));
			if (any(&seed, 40) == 0)
				(void)!send(fds[which], bytes, any(&seed, 30), MSG_NOSIGNAL);
			put(b, fds[which], type,
			    type == WIRE_DATA ? WIRE_SPEC * (uint8_t)any(&seed, 2) : (uint8_t)any(&seed, 2), bytes,
			    length);
			if (b->last > 0 && id <= b->last)
				host_sends(b, id, WIRE_DATA, WIRE_STDOUT, bytes, 1 + any(&seed, 5000));
			if (b->last > 0 && id <= b->last && any(&seed, 20) == 0)
				host_sends(b, id, WIRE_EXITED, 0, "\0\0\0\0\3\0\0\0", 8);
			if (b->commands.count > COMMANDS_MAX / 2)
				end_all(b);
			if (any(&seed, 50) == 0 || is_hung_up(fds[which])) {
				close(fds[which]);
				fds[which] = fresh_caller(b, &seed);
			}
		}
		for (size_t i = 0; i < 8; i++)
			close(fds[i]);
		turn(b);
		end_all(b);
		assert_int_equal(b->commands.count, 0);
		assert_true(b->last > 8);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_command_comes_and_goes),
	        cmocka_unit_test(a_caller_that_goes_kills_its_command),
	        cmocka_unit_test(a_caller_without_a_task_is_refused),
	        cmocka_unit_test(one_that_reads_nothing_is_dropped),
	        cmocka_unit_test(random_callers_break_nothing_but_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
