/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: run/relay_client.o run/relay_console.o run/relay_control.o run/relay_guest.o run/relay_job.o */
/* links: run/relay_viewer.o run/relay_network.o common/mac.o common/sha256.o */
/* links: run/relay_step.o run/relay_command.o common/command.o common/channel.o common/frame.o common/queue.o */
/* links: common/wire.o common/log.o common/str.o */
/* libs: -lsystemd */
/*
 * The relay in this process, with the test as monitor, guest and clients on
 * socket pairs. Beside what the rules are, random frames: whatever a guest
 * says, the relay says "broken" and goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/command.h"
#include "run/relay.h"

/* relay.c's, which is not linked here */
int relay_settle(struct relay *relay)
{
	relay_clients_settle(relay);
	relay_guest_flush(relay);
	return 0;
}

struct bench {
	struct relay relay;
	int control, guest, console;
	struct sockaddr_un address;
	socklen_t address_length;
};

static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	int pair[2], listener;

	b->relay.guest.fd = b->relay.console.fd = b->relay.console.file = -1;
	b->relay.job = (struct relay_job){.machine = "m",
	                                  .job = "1",
	                                  .user = "u",
	                                  .home = "/h",
	                                  .shell = "/bin/sh",
	                                  .groups = "5:five,6:",
	                                  .uid = getuid(),
	                                  .gid = 5};
	assert_int_equal(sd_event_new(&b->relay.event), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	b->control = pair[0];
	assert_true(relay_control_open(&b->relay, pair[1]) >= 0);
	/* an abstract name of the kernel's choice */
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	b->address.sun_family = AF_UNIX;
	assert_int_equal(bind(listener, (struct sockaddr *)&b->address, sizeof(sa_family_t)), 0);
	b->address_length = sizeof(b->address);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&b->address, &b->address_length), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_true(relay_clients_open(&b->relay, listener) >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	b->guest = pair[0];
	assert_true(relay_guest_open(&b->relay, pair[1]) >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	b->console = pair[0];
	assert_true(relay_console_open(&b->relay, pair[1]) >= 0);
	return b;
}

static void bench_free(struct bench *b)
{
	int listener = b->relay.clients.listen_fd;

	relay_guest_close(&b->relay);
	relay_console_close(&b->relay);
	relay_clients_close(&b->relay);
	sd_event_source_unref(b->relay.flush);
	sd_event_source_unref(b->relay.control);
	sd_event_unref(b->relay.event);
	close(b->relay.control_fd);
	close(b->control);
	close(b->guest);
	close(b->console);
	close(listener);
	free(b);
}

/* Until nothing more is to be done at once. */
static void turn(struct bench *b)
{
	relay_settle(&b->relay);
	while (sd_event_get_state(b->relay.event) != SD_EVENT_FINISHED && sd_event_run(b->relay.event, 0) > 0)
		;
}

static void put(struct bench *b, int fd, uint32_t channel, uint8_t type, uint8_t stream, const void *payload,
                size_t length)
{
	struct wire_frame frame = {(uint32_t)length, channel, type, stream};
	struct queue queue = {0};

	frame_push(&queue, &frame, payload);
	assert_int_equal(write(fd, queue_data(&queue), queue.used), queue.used);
	queue_free(&queue);
	turn(b);
}

/* The next frame that fd has to read, its payload in bytes; type 0: none. */
static struct wire_frame get(struct bench *b, int fd, uint8_t *bytes)
{
	uint8_t header[WIRE_HEADER];
	struct wire_frame frame = {0};
	const char *why;
	ssize_t n;

	turn(b);
	n = recv(fd, header, sizeof(header), MSG_DONTWAIT);
	if (n <= 0)
		return (struct wire_frame){0};
	assert_int_equal(n, sizeof(header));
	assert_int_equal(wire_get_header(header, &frame, &why), 0);
	if (frame.length > 0)
		assert_int_equal(recv(fd, bytes, frame.length, MSG_WAITALL), frame.length);
	return frame;
}

static void expect(struct bench *b, int fd, uint8_t type, uint32_t channel)
{
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = get(b, fd, bytes);

	assert_string_equal(wire_type_name(frame.type), wire_type_name(type));
	assert_int_equal(frame.channel, channel);
}

static void expect_packet(struct bench *b, const char *start)
{
	char packet[2049] = "";
	ssize_t n;

	turn(b);
	n = recv(b->control, packet, sizeof(packet) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	packet[n] = 0;
	if (strncmp(packet, start, strlen(start)) != 0)
		fail_msg("expected %s, got %s", start, packet);
}

static void say_hello(struct bench *b)
{
	put(b, b->guest, 0, WIRE_HELLO, 0, WIRE_MAGIC "\1\0\0\0\0\0\0\0v9", 18);
}

static struct bench *bench_ready(void)
{
	struct bench *b = bench_new();

	expect(b, b->guest, WIRE_HELLO, 0);
	say_hello(b);
	expect_packet(b, "hello v9");
	expect(b, b->guest, WIRE_JOB, 0);
	put(b, b->guest, 0, WIRE_READY, 0, NULL, 0);
	expect_packet(b, "ready");
	return b;
}

static int dial(struct bench *b)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&b->address, b->address_length), 0);
	turn(b);
	return fd;
}

/* A client with a task of that step, which is channel id to the guest. */
static int task(struct bench *b, const char *step, uint32_t id)
{
	int fd = dial(b);

	expect(b, fd, WIRE_READY, 0);
	put(b, fd, 1, WIRE_OPEN, 0, step, strlen(step));
	expect(b, b->guest, WIRE_OPEN, id);
	return fd;
}

static void clients_wait_for_ready(void **state)
{
	struct bench *b = bench_new();
	int early = dial(b);
	uint8_t bytes[512];

	(void)state;
	/* what it says now stays in its socket */
	put(b, early, 1, WIRE_OPEN, 0, "1.0", 3);
	assert_int_equal(get(b, early, bytes).type, 0);
	expect(b, b->guest, WIRE_HELLO, 0);
	say_hello(b);
	expect(b, b->guest, WIRE_JOB, 0);
	assert_int_equal(get(b, b->guest, bytes).type, 0);
	put(b, b->guest, 0, WIRE_READY, 0, NULL, 0);
	expect(b, early, WIRE_READY, 0);
	expect(b, early, WIRE_SPEAKER, 0);
	expect(b, b->guest, WIRE_OPEN, 1);
	close(early);
	expect(b, b->guest, WIRE_KILL, 1);
	bench_free(b);
}

static void one_speaks_for_each_step(void **state)
{
	struct bench *b = bench_ready();
	int first = task(b, "1.0", 1), second = task(b, "1.0", 2), other = task(b, "1.1", 3);
	uint8_t bytes[64];

	(void)state;
	expect(b, first, WIRE_SPEAKER, 0);
	expect(b, other, WIRE_SPEAKER, 0);
	assert_int_equal(get(b, second, bytes).type, 0);
	put(b, b->guest, 1, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
	expect(b, first, WIRE_EXITED, 1);
	expect(b, second, WIRE_SPEAKER, 0);
	close(second);
	turn(b);
	close(other);
	turn(b);
	for (struct relay_step *step = b->relay.clients.steps; step; step = step->next)
		assert_null(step->speaker);
	close(first);
	turn(b);
	assert_int_equal(b->relay.clients.count, 2);
	put(b, b->guest, 3, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
	put(b, b->guest, 2, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(b->relay.clients.count, 0);
	bench_free(b);
}

static void notes_are_said_once_per_step(void **state)
{
	struct bench *b = bench_ready();
	int first = task(b, "1.0", 1), second = task(b, "1.0", 2), other = task(b, "1.1", 3), late;
	uint8_t bytes[64];

	(void)state;
	expect(b, first, WIRE_SPEAKER, 0);
	expect(b, other, WIRE_SPEAKER, 0);
	put(b, b->guest, 2, WIRE_NOTE, 0, "\1no cwd", 7);
	put(b, b->guest, 1, WIRE_NOTE, 0, "\1no cwd", 7);
	put(b, b->guest, 3, WIRE_NOTE, 0, "\1no cwd", 7);
	put(b, b->guest, 1, WIRE_NOTE, 0, "\1other", 6);
	expect(b, second, WIRE_NOTE, 1);
	expect(b, other, WIRE_NOTE, 1);
	expect(b, first, WIRE_NOTE, 1);
	assert_int_equal(get(b, first, bytes).type, 0);
	/* a rank that comes when the others have ended */
	for (uint32_t i = 1; i <= 3; i++)
		put(b, b->guest, i, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
	late = task(b, "1.0", 4);
	expect(b, late, WIRE_SPEAKER, 0);
	put(b, b->guest, 4, WIRE_NOTE, 0, "\1no cwd", 7);
	assert_int_equal(get(b, late, bytes).type, 0);
	close(first);
	close(second);
	close(other);
	close(late);
	bench_free(b);
}

static void steps_that_have_ended_have_a_bound(void **state)
{
	struct bench *b = bench_ready();
	unsigned int count = 0;
	char name[16];
	int fd;

	(void)state;
	for (uint32_t i = 1; i <= 3 * RELAY_STEPS_ENDED; i++) {
		snprintf(name, sizeof(name), "%u.0", i);
		fd = task(b, name, i);
		put(b, b->guest, i, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
		close(fd);
	}
	for (struct relay_step *step = b->relay.clients.steps; step; step = step->next)
		count++;
	assert_int_equal(count, RELAY_STEPS_ENDED);
	bench_free(b);
}

static void a_lost_client_costs_the_guest_nothing(void **state)
{
	struct bench *b = bench_ready();
	int fd = task(b, "1.0", 1);
	uint8_t bytes[WIRE_PAYLOAD_MAX] = {0};

	(void)state;
	put(b, fd, 1, WIRE_START, 0, NULL, 0);
	expect(b, b->guest, WIRE_START, 1);
	put(b, b->guest, 1, WIRE_DATA, WIRE_STDOUT, "x", 1);
	close(fd);
	expect(b, b->guest, WIRE_KILL, 1);
	expect(b, b->guest, WIRE_CREDIT, 1);
	/* it goes on, and gets its window back, as often as it likes */
	for (int i = 0; i < 32; i++) {
		put(b, b->guest, 1, WIRE_DATA, WIRE_STDOUT, bytes, WIRE_WINDOW_FIRST / 4);
		expect(b, b->guest, WIRE_CREDIT, 1);
	}
	put(b, b->guest, 1, WIRE_EXITED, 0, "\1\0\0\0\11\0\0\0", 8);
	assert_int_equal(b->relay.clients.count, 0);
	assert_false(b->relay.guest.broken);
	bench_free(b);
}

static void a_client_that_breaks_the_protocol_is_dropped_alone(void **state)
{
	struct bench *b = bench_ready();
	int good = task(b, "1.0", 1), bad = task(b, "1.0", 2), worse = dial(b);
	uint8_t bytes[64];

	(void)state;
	expect(b, good, WIRE_SPEAKER, 0);
	put(b, bad, 1, WIRE_DATA, WIRE_STDOUT, "x", 1);
	assert_int_equal(recv(bad, bytes, sizeof(bytes), 0), 0);
	expect(b, b->guest, WIRE_KILL, 2);
	expect(b, worse, WIRE_READY, 0);
	assert_int_equal(write(worse, "0123456789abcdef", 16), 16);
	turn(b);
	assert_true(recv(worse, bytes, sizeof(bytes), 0) <= 0);
	put(b, b->guest, 1, WIRE_DATA, WIRE_STDOUT, "x", 1);
	expect(b, good, WIRE_DATA, 1);
	close(good);
	close(bad);
	close(worse);
	bench_free(b);
}

static void a_guest_that_breaks_the_protocol_is_reported(void **state)
{
	struct bench *b;

	(void)state;
	b = bench_ready();
	put(b, b->guest, 7, WIRE_DATA, WIRE_STDOUT, "x", 1);
	expect_packet(b, "broken a DATA frame on channel 7, which is not open");
	bench_free(b);
	b = bench_ready();
	put(b, b->guest, 0, WIRE_READY, 0, NULL, 0);
	expect_packet(b, "broken a second READY");
	bench_free(b);
	b = bench_ready();
	put(b, b->guest, 0, WIRE_PONG, 0, "12345678", 8);
	expect_packet(b, "broken a PONG");
	bench_free(b);
	b = bench_ready();
	say_hello(b);
	expect_packet(b, "restarted");
	bench_free(b);
	b = bench_ready();
	put(b, b->guest, 0, WIRE_UNFIT, 0, "\113\0\0\0x", 5);
	expect_packet(b, "broken an UNFIT");
	bench_free(b);
	b = bench_new();
	put(b, b->guest, 0, WIRE_HELLO, 0, WIRE_MAGIC "\2\0\0\0\0\0\0\0", 16);
	expect_packet(b, "broken its agent speaks version 2");
	bench_free(b);
	b = bench_new();
	put(b, b->guest, 0, WIRE_READY, 0, NULL, 0);
	expect_packet(b, "broken READY before JOB");
	bench_free(b);
}

static void a_guest_that_cannot_take_the_job_says_why(void **state)
{
	struct bench *b = bench_new();

	(void)state;
	say_hello(b);
	expect_packet(b, "hello");
	put(b, b->guest, 0, WIRE_UNFIT, 0, "\113\0\0\0no\n9p", 9);
	expect_packet(b, "unfit 75 no?9p");
	bench_free(b);
	b = bench_new();
	say_hello(b);
	expect_packet(b, "hello");
	put(b, b->guest, 0, WIRE_UNFIT, 0, "\106\0\0\0x", 5);
	expect_packet(b, "broken an UNFIT");
	bench_free(b);
}

static void an_agent_that_knows_no_networks_is_too_old(void **state)
{
	static const char *const networks[] = {"1 0 0 lan - - -", "1 0 60 lan - - -", "0 0 0 lan 10.0.0.2/8 - -"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bench *b = bench_new();
		char text[64];

		expect(b, b->guest, WIRE_HELLO, 0);
		(void)snprintf(text, sizeof(text), "02:00:00:00:10:00 %s", networks[i]);
		assert_int_equal(relay_job_network(&b->relay.job, text), 0);
		say_hello(b);
		expect_packet(b, "hello");
		if (i == 0) /* that is what guests do by themselves */
			expect(b, b->guest, WIRE_JOB, 0);
		else
			expect_packet(b, "unfit 75 its agent is too old");
		queue_free(&b->relay.job.networks);
		bench_free(b);
	}
}

/* The next CLOCK to the guest has this number and the present time. */
static void expect_clock(struct bench *b, uint64_t number)
{
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = get(b, b->guest, bytes);
	uint64_t now = (uint64_t)time(NULL) * 1000000000U, said;

	assert_int_equal(frame.type, WIRE_CLOCK);
	assert_int_equal(frame.length, 16);
	assert_int_equal(wire_u64(bytes), number);
	said = wire_u64(bytes + 8);
	assert_true(said > now - 10000000000U && said < now + 10000000000U);
}

static void the_guest_is_told_the_time(void **state)
{
	struct bench *b = bench_ready();

	(void)state;
	put(b, b->guest, 0, WIRE_CLOCK, 0, "\7\0\0\0\0\0\0\1", 8);
	expect_clock(b, (UINT64_C(1) << 56) + 7);
	assert_int_equal(send(b->control, "pause on", 8, 0), 8);
	turn(b);
	assert_true(b->relay.guest.paused);
	assert_int_equal(send(b->control, "pause off", 9, 0), 9);
	expect_clock(b, 0);
	assert_false(b->relay.guest.paused);
	put(b, b->guest, 0, WIRE_CLOCK, 0, "0123456701234567", 16);
	expect_packet(b, "broken a CLOCK that asks nothing");
	bench_free(b);
	b = bench_new();
	put(b, b->guest, 0, WIRE_CLOCK, 0, "01234567", 8);
	expect_packet(b, "broken a CLOCK before JOB");
	bench_free(b);
}

static void the_throttle_stops_clients_and_lets_them_go_on(void **state)
{
	struct bench *b = bench_ready();
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	int fds[80];
	size_t total = 0;

	(void)state;
	for (uint32_t i = 0; i < 80; i++) {
		fds[i] = task(b, "1.0", i + 1);
		(void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
	}
	/* the guest reads nothing: 80 windows are more than the relay takes */
	for (int i = 0; i < 80; i++) {
		struct wire_frame frame = {WIRE_PAYLOAD_MAX, 1, WIRE_DATA, WIRE_STDIN};
		uint8_t header[WIRE_HEADER];

		wire_put_header(header, &frame);
		assert_int_equal(write(fds[i], header, sizeof(header)), sizeof(header));
		assert_int_equal(write(fds[i], bytes, sizeof(bytes)), sizeof(bytes));
		turn(b);
	}
	assert_true(b->relay.guest.throttled);
	assert_true(b->relay.guest.out.used < RELAY_GUEST_HIGH + 2 * WIRE_PAYLOAD_MAX);
	for (;;) {
		ssize_t n = read(b->guest, bytes, sizeof(bytes));

		if (n > 0)
			total += (size_t)n;
		turn(b);
		if (n <= 0 && b->relay.guest.out.used == 0)
			break;
	}
	assert_int_equal(total, 80 * (WIRE_HEADER + WIRE_PAYLOAD_MAX));
	assert_false(b->relay.guest.throttled);
	for (int i = 0; i < 80; i++)
		close(fds[i]);
	bench_free(b);
}

static void without_descriptors_the_backlog_waits(void **state)
{
	struct bench *b = bench_ready();
	struct rlimit limit, none;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(connect(fd, (struct sockaddr *)&b->address, b->address_length), 0);
	/* the retry's timer has its descriptor already: the ping's is of the same clock */
	turn(b);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(b->relay.clients.count, 1);
	none = (struct rlimit){0, limit.rlim_max};
	assert_int_equal(connect(second, (struct sockaddr *)&b->address, b->address_length), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(b->relay.clients.count, 1);
	assert_non_null(b->relay.clients.retry);
	assert_int_equal(sd_event_run(b->relay.event, 500000), 0);
	assert_int_equal(b->relay.clients.count, 1);
	assert_true(sd_event_run(b->relay.event, 2000000) > 0);
	turn(b);
	assert_int_equal(b->relay.clients.count, 2);
	close(fd);
	close(second);
	bench_free(b);
}

static void console_tail_is_short_and_printable(void **state)
{
	struct bench *b = bench_new();
	uint8_t out[RELAY_TAIL_BYTES + 1];
	char line[64];
	size_t length;

	(void)state;
	assert_int_equal(relay_console_tail(&b->relay, out), 0);
	for (int i = 0; i < 1000; i++) {
		int n = snprintf(line, sizeof(line), "line %d\033[0m\r\n", i);

		relay_console_take(&b->relay, (const uint8_t *)line, (size_t)n);
	}
	length = relay_console_tail(&b->relay, out);
	out[length] = 0;
	assert_int_equal(strncmp((char *)out, "line 980?[0m\nline 981", 20), 0);
	assert_string_equal((char *)out + length - strlen("line 999?[0m\n"), "line 999?[0m\n");
	for (int i = 0; i < 3; i++)
		for (size_t j = 0; j < 5000; j++)
			relay_console_take(&b->relay, (const uint8_t *)"x", 1);
	assert_int_equal(relay_console_tail(&b->relay, out), RELAY_TAIL_BYTES);
	bench_free(b);
}

static void panic_is_seen_across_reads_and_once(void **state)
{
	static const char text[] = "KKernel pKernel panic - not syncing: x Kernel panic - not syncing";
	struct bench *b = bench_new();
	char packet[64];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		relay_console_take(&b->relay, (const uint8_t *)text + i, 1);
	expect_packet(b, "panic");
	assert_true(recv(b->control, packet, sizeof(packet), MSG_DONTWAIT) < 0);
	bench_free(b);
}

static void the_end_is_said_to_speakers_and_known_to_all(void **state)
{
	struct bench *b = bench_ready();
	int first = task(b, "1.0", 1), second = task(b, "1.0", 2), unopened = dial(b);
	uint8_t bytes[WIRE_PAYLOAD_MAX];
	struct wire_frame frame;

	(void)state;
	expect(b, first, WIRE_SPEAKER, 0);
	expect(b, unopened, WIRE_READY, 0);
	assert_int_equal(write(b->console, "last words", 10), 10);
	assert_int_equal(send(b->control, "end 70 QEMU died", 16, 0), 16);
	frame = get(b, first, bytes);
	assert_int_equal(frame.type, WIRE_END);
	assert_int_equal(wire_u32(bytes), 70);
	assert_memory_equal(bytes + 4, "QEMU died", 9);
	frame = get(b, first, bytes);
	assert_int_equal(frame.type, WIRE_TAIL);
	assert_memory_equal(bytes, "last words\n", 11);
	frame = get(b, second, bytes);
	assert_int_equal(frame.type, WIRE_END);
	assert_int_equal(frame.length, 4);
	assert_int_equal(get(b, second, bytes).type, 0);
	frame = get(b, unopened, bytes);
	assert_int_equal(frame.length, 13);
	close(first);
	close(second);
	close(unopened);
	bench_free(b);
}

static void console_write(struct bench *b, const char *text)
{
	assert_int_equal(write(b->console, text, strlen(text)), strlen(text));
	turn(b);
}

/* The next frame of a viewer is DATA with that text. */
static void expect_console(struct bench *b, int fd, const char *text)
{
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = get(b, fd, bytes);

	assert_string_equal(wire_type_name(frame.type), "DATA");
	assert_int_equal(frame.stream, WIRE_STDOUT);
	assert_int_equal(frame.channel, 1);
	assert_int_equal(frame.length, strlen(text));
	assert_memory_equal(bytes, text, frame.length);
}

static void the_console_is_shown_before_ready_too(void **state)
{
	struct bench *b = bench_new();
	int fd = dial(b), late;
	uint8_t bytes[512];

	(void)state;
	console_write(b, "one\n");
	/* in two pieces */
	assert_int_equal(write(fd, "\0\0\0\0\1\0\0\0", 8), 8);
	turn(b);
	assert_int_equal(get(b, fd, bytes).type, 0);
	assert_int_equal(write(fd, "\25\0\0\0", 4), 4);
	expect_console(b, fd, "one\n");
	console_write(b, "two\n");
	expect_console(b, fd, "two\n");
	late = dial(b);
	put(b, late, 1, WIRE_CONSOLE, 0, NULL, 0);
	expect_console(b, late, "one\ntwo\n");
	assert_int_equal(b->relay.clients.viewers, 2);
	/* it is no task: its end is nothing to the guest */
	close(late);
	turn(b);
	assert_int_equal(b->relay.clients.viewers, 1);
	assert_int_equal(b->relay.clients.count, 1);
	/* what it may not say */
	put(b, fd, 1, WIRE_SIGNAL, 0, "\1\0\0\0", 4);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 0);
	close(fd);
	fd = dial(b);
	put(b, fd, 1, WIRE_CONSOLE, 0, NULL, 0);
	expect(b, fd, WIRE_DATA, 1);
	put(b, fd, 1, WIRE_CREDIT, WIRE_STDOUT, "\11\0\0\0", 4); /* 8 were sent */
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 0);
	assert_int_equal(b->relay.clients.count, 0);
	close(fd);
	bench_free(b);
}

static void a_slow_viewer_loses_and_is_told(void **state)
{
	struct bench *b = bench_new();
	static uint8_t bytes[WIRE_PAYLOAD_MAX];
	static const uint8_t text[4096] = "x";
	const size_t all = WIRE_WINDOW_FIRST + 2 * (size_t)RELAY_RING;
	size_t sent = 0, lost = 0;
	struct wire_frame frame;
	int fd = dial(b);

	(void)state;
	put(b, fd, 1, WIRE_CONSOLE, 0, NULL, 0);
	for (size_t i = 0; i < all / sizeof(text); i++) {
		relay_console_take(&b->relay, text, sizeof(text));
		frame = get(b, fd, bytes);
		sent += frame.length;
	}
	assert_int_equal(sent, WIRE_WINDOW_FIRST); /* and no more without credit */
	put(b, fd, 1, WIRE_CREDIT, WIRE_STDOUT, "\0\0\1\0", 4);
	while ((frame = get(b, fd, bytes)).type != 0) {
		if (frame.type == WIRE_LOST)
			lost += wire_u64(bytes);
		else
			sent += frame.length;
	}
	assert_int_equal(lost, RELAY_RING);
	assert_int_equal(sent + lost, all);
	close(fd);
	bench_free(b);
}

static void a_viewer_sees_all_before_the_end(void **state)
{
	struct bench *b = bench_ready();
	int fd = dial(b);
	uint8_t bytes[512];

	(void)state;
	expect(b, fd, WIRE_READY, 0);
	put(b, fd, 1, WIRE_CONSOLE, 0, NULL, 0);
	assert_int_equal(write(b->console, "last words", 10), 10);
	assert_int_equal(send(b->control, "end 70 QEMU died", 16, 0), 16);
	expect_console(b, fd, "last words");
	expect(b, fd, WIRE_END, 0);
	assert_int_equal(get(b, fd, bytes).type, 0); /* no TAIL: it has seen it */
	close(fd);
	bench_free(b);
}

static void job_is_packed_or_refused(void **state)
{
	struct relay_job job = {
	        .user = "u", .home = "/", .shell = "s", .groups = "1:a,4294967294:", .uid = 1, .gid = 2};
	static uint8_t out[WIRE_PAYLOAD_MAX];
	static char many[200000];
	size_t used = 0;

	(void)state;
	assert_int_equal(relay_job_pack(&job, out), 9 + 12 + 12 + 9 + 9 + 13 + 12);
	assert_int_equal(relay_job_mount(&job, "3 1 /a b"), 0);
	assert_int_equal(relay_job_mount(&job, "12 0 /c"), 0);
	assert_int_equal(relay_job_pack(&job, out), 9 + 12 + 12 + 9 + 9 + 13 + 12 + 20 + 18);
	assert_memory_equal(out + 76, "\50\0\0\0\14\0\0\0\3\0\0\0\1\0\0\0/a b", 20);
	assert_int_equal(relay_job_network(&job, "02:00:00:00:10:00 1 0 60 lan - - -"), 0);
	assert_int_equal(relay_job_pack(&job, out), 9 + 12 + 12 + 9 + 9 + 13 + 12 + 20 + 18 + 8 + 16 + 11);
	assert_memory_equal(out + 76 + 20 + 18, "\64\0\0\0\33\0\0\0\2\0\0\0\20\0\1\0\0\0\0\0\74\0\0\0", 24);
	assert_int_equal(relay_job_mount(&job, "x 1 /a"), -EINVAL);
	assert_int_equal(relay_job_mount(&job, "3 /a"), -EINVAL);
	assert_int_equal(relay_job_mount(&job, "3 1 a"), -EINVAL);
	job.groups = "x:a";
	assert_int_equal(relay_job_pack(&job, out), -EINVAL);
	job.groups = "1,2:b";
	assert_int_equal(relay_job_pack(&job, out), -EINVAL);
	job.groups = "-1:b";
	assert_int_equal(relay_job_pack(&job, out), -EINVAL);
	while (used < sizeof(many) - 32)
		used += (size_t)sprintf(many + used, "%zu:name,", used);
	job.groups = many;
	assert_int_equal(relay_job_pack(&job, out), -E2BIG);
	queue_free(&job.mounts);
	queue_free(&job.networks);
}

#define C1 (COMMAND_CHANNEL | 1U)
#define C2 (COMMAND_CHANNEL | 2U)
#define C3 (COMMAND_CHANNEL | 3U)

static struct bench *bench_commands(void)
{
	struct bench *b = bench_ready();

	b->relay.job.commands = "srun";
	return b;
}

static void a_command_goes_to_the_client_of_its_task(void **state)
{
	struct bench *b = bench_commands();
	int first = task(b, "1.0", 1), second = task(b, "1.1", 2);
	uint8_t bytes[64];

	(void)state;
	expect(b, first, WIRE_SPEAKER, 0);
	expect(b, second, WIRE_SPEAKER, 0);
	put(b, b->guest, C1, WIRE_COMMAND, 0, "\2\0\0\0", 4);
	expect(b, second, WIRE_COMMAND, C1);
	put(b, b->guest, C1, WIRE_DATA, WIRE_SPEC, "x", 1);
	put(b, b->guest, C1, WIRE_START, 0, NULL, 0);
	put(b, b->guest, C1, WIRE_DATA, WIRE_STDIN, "in", 2);
	expect(b, second, WIRE_DATA, C1);
	expect(b, second, WIRE_START, C1);
	expect(b, second, WIRE_DATA, C1);
	put(b, second, C1, WIRE_DATA, WIRE_STDOUT, "out", 3);
	put(b, second, C1, WIRE_NOTE, 0, "\1why", 4);
	put(b, second, C1, WIRE_EXITED, 0, "\0\0\0\0\7\0\0\0", 8);
	expect(b, b->guest, WIRE_DATA, C1);
	expect(b, b->guest, WIRE_NOTE, C1);
	expect(b, b->guest, WIRE_EXITED, C1);
	/* what crosses EXITED is nobody's; the channel is never used again */
	put(b, b->guest, C1, WIRE_EOF, WIRE_STDIN, NULL, 0);
	assert_int_equal(get(b, second, bytes).type, 0);
	assert_int_equal(get(b, first, bytes).type, 0);
	assert_false(b->relay.guest.broken);
	assert_int_equal(b->relay.commands.count, 0);
	put(b, b->guest, C1, WIRE_COMMAND, 0, "\2\0\0\0", 4);
	assert_true(b->relay.guest.broken);
	close(first);
	close(second);
	bench_free(b);
}

static void a_command_without_its_task_ends(void **state)
{
	struct bench *b = bench_commands();
	int fd = task(b, "1.0", 1);

	(void)state;
	put(b, b->guest, C1, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	put(b, b->guest, C2, WIRE_COMMAND, 0, "\5\0\0\0", 4);
	expect(b, b->guest, WIRE_NOTE, C2);
	expect(b, b->guest, WIRE_EXITED, C2);
	put(b, b->guest, C2, WIRE_START, 0, NULL, 0);
	close(fd);
	/* by SIGKILL; then the task itself */
	expect(b, b->guest, WIRE_EXITED, C1);
	expect(b, b->guest, WIRE_KILL, 1);
	put(b, b->guest, C3, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	expect(b, b->guest, WIRE_NOTE, C3);
	expect(b, b->guest, WIRE_EXITED, C3);
	assert_int_equal(b->relay.commands.count, 0);
	assert_false(b->relay.guest.broken);
	bench_free(b);
}

static void commands_are_refused_where_they_are_off(void **state)
{
	struct bench *b = bench_ready();
	int fd = task(b, "1.0", 1);
	uint8_t bytes[256];

	(void)state;
	expect(b, fd, WIRE_SPEAKER, 0);
	put(b, b->guest, C1, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	expect(b, b->guest, WIRE_NOTE, C1);
	expect(b, b->guest, WIRE_EXITED, C1);
	assert_int_equal(get(b, fd, bytes).type, 0);
	assert_false(b->relay.guest.broken);
	close(fd);
	bench_free(b);
}

static void a_client_has_no_hand_in_others_commands(void **state)
{
	struct bench *b = bench_commands();
	int owner = task(b, "1.0", 1), other = task(b, "1.0", 2), third = task(b, "1.0", 3);
	uint8_t bytes[64];

	(void)state;
	expect(b, owner, WIRE_SPEAKER, 0);
	put(b, b->guest, C1, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	expect(b, owner, WIRE_COMMAND, C1);
	put(b, other, C1, WIRE_EXITED, 0, "\0\0\0\0\0\0\0\0", 8);
	expect(b, b->guest, WIRE_KILL, 2);
	put(b, third, C2, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	expect(b, b->guest, WIRE_KILL, 3);
	/* more than the guest has given credit for */
	put(b, owner, C1, WIRE_CREDIT, WIRE_STDIN, "\0\0\20\0", 4);
	expect(b, b->guest, WIRE_EXITED, C1);
	assert_int_equal(get(b, b->guest, bytes).channel, 1);
	assert_false(b->relay.guest.broken);
	close(owner);
	close(other);
	close(third);
	bench_free(b);
}

static void commands_of_a_task_have_a_bound(void **state)
{
	struct bench *b = bench_commands();
	int fd = task(b, "1.0", 1);
	uint32_t id = COMMAND_CHANNEL;
	uint8_t bytes[256];

	(void)state;
	for (unsigned int i = 0; i < RELAY_TASK_COMMANDS; i++)
		put(b, b->guest, ++id, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	assert_int_equal(get(b, b->guest, bytes).type, 0);
	put(b, b->guest, ++id, WIRE_COMMAND, 0, "\1\0\0\0", 4);
	expect(b, b->guest, WIRE_NOTE, id);
	expect(b, b->guest, WIRE_EXITED, id);
	assert_false(b->relay.guest.broken);
	close(fd);
	bench_free(b);
}

/* A frame such as a guest that half follows the rules might send, or one bit off. */
static void random_frame(struct queue *queue, unsigned int *seed)
{
	static const uint8_t types[] = {WIRE_DATA, WIRE_EOF,     WIRE_CREDIT, WIRE_STARTED, WIRE_NOTE,  WIRE_EXITED,
	                                WIRE_PONG, WIRE_COMMAND, WIRE_START,  WIRE_KILL,    WIRE_SIGNAL};
	static uint8_t payload[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = {0};
	size_t at = queue->used;

	frame.type = types[(size_t)rand_r(seed) % sizeof(types)];
	frame.channel = frame.type == WIRE_PONG ? 0 : 1 + (uint32_t)rand_r(seed) % 4;
	if (frame.type != WIRE_PONG && rand_r(seed) % 2)
		frame.channel |= COMMAND_CHANNEL;
	if (frame.type == WIRE_DATA || frame.type == WIRE_EOF || frame.type == WIRE_CREDIT)
		frame.stream = (uint8_t)(rand_r(seed) % 4);
	frame.length = (uint32_t)rand_r(seed) % (rand_r(seed) % 8 ? 9 : WIRE_PAYLOAD_MAX);
	for (size_t i = 0; i < 8; i++)
		payload[i] = (uint8_t)(rand_r(seed) % 4 ? 0 : rand_r(seed));
	frame_push(queue, &frame, payload);
	if (rand_r(seed) % 64 == 0)
		queue->bytes[queue->start + at + (size_t)rand_r(seed) % WIRE_HEADER] ^=
		        (uint8_t)(1 << rand_r(seed) % 8);
}

static void random_guests_break_nothing_but_themselves(void **state)
{
	unsigned int seed = 20240617;

	(void)state;
	for (int guest = 0; guest < 2000; guest++) {
		struct bench *b = bench_ready();
		struct queue queue = {0};
		int fds[3];

		b->relay.job.commands = "srun";
		for (uint32_t i = 0; i < 3; i++)
			fds[i] = task(b, i < 2 ? "1.0" : "1.1", i + 1);
		for (uint32_t i = 0; i < 3; i++) {
			put(b, fds[i], 1, WIRE_START, 0, NULL, 0);
			put(b, fds[i], 1, WIRE_DATA, WIRE_STDIN, "input", 5);
		}
		close(fds[1]);
		turn(b);
		for (int i = 0; i < 100; i++) {
			static uint8_t rest[WIRE_PAYLOAD_MAX];

			random_frame(&queue, &seed);
			while (queue.used > 0) {
				ssize_t n = send(b->guest, queue_data(&queue), queue.used, MSG_DONTWAIT | MSG_NOSIGNAL);

				queue_pull(&queue, n > 0 ? (size_t)n : queue.used);
				turn(b);
			}
			while (recv(b->guest, rest, sizeof(rest), MSG_DONTWAIT) > 0)
				;
		}
		close(fds[0]);
		close(fds[2]);
		turn(b);
		queue_free(&queue);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(clients_wait_for_ready),
	        cmocka_unit_test(one_speaks_for_each_step),
	        cmocka_unit_test(notes_are_said_once_per_step),
	        cmocka_unit_test(steps_that_have_ended_have_a_bound),
	        cmocka_unit_test(a_lost_client_costs_the_guest_nothing),
	        cmocka_unit_test(a_client_that_breaks_the_protocol_is_dropped_alone),
	        cmocka_unit_test(a_guest_that_breaks_the_protocol_is_reported),
	        cmocka_unit_test(a_guest_that_cannot_take_the_job_says_why),
	        cmocka_unit_test(an_agent_that_knows_no_networks_is_too_old),
	        cmocka_unit_test(the_guest_is_told_the_time),
	        cmocka_unit_test(the_throttle_stops_clients_and_lets_them_go_on),
	        cmocka_unit_test(without_descriptors_the_backlog_waits),
	        cmocka_unit_test(console_tail_is_short_and_printable),
	        cmocka_unit_test(panic_is_seen_across_reads_and_once),
	        cmocka_unit_test(the_end_is_said_to_speakers_and_known_to_all),
	        cmocka_unit_test(the_console_is_shown_before_ready_too),
	        cmocka_unit_test(a_slow_viewer_loses_and_is_told),
	        cmocka_unit_test(a_viewer_sees_all_before_the_end),
	        cmocka_unit_test(job_is_packed_or_refused),
	        cmocka_unit_test(a_command_goes_to_the_client_of_its_task),
	        cmocka_unit_test(a_command_without_its_task_ends),
	        cmocka_unit_test(commands_are_refused_where_they_are_off),
	        cmocka_unit_test(a_client_has_no_hand_in_others_commands),
	        cmocka_unit_test(commands_of_a_task_have_a_bound),
	        cmocka_unit_test(random_guests_break_nothing_but_themselves),
	};

	/* the relay's log of broken guests is not the test's output */
	stderr = fdopen(dup(STDERR_FILENO), "w");
	if (!stderr || dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
		return 1;
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
