/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests gone wrong, for tests of the relay: channel on fd 3, console on fd 4; the argument says how. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/frame.h"

#define CHANNEL 3
#define CONSOLE 4

static struct queue to_relay, from_relay;

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
	const char *mode = argc > 1 ? argv[1] : "nothing";

	signal(SIGPIPE, SIG_IGN);
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
