/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/channel.o common/frame.o common/queue.o common/wire.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/channel.h"
#include "common/frame.h"

static const uint8_t nothing[WIRE_PAYLOAD_MAX];

static int client(struct channel *channel, uint8_t type, uint8_t stream, uint32_t length, const void *payload)
{
	struct wire_frame frame = {length, 1, type, stream};
	const char *why;
	int rc = channel_from_client(channel, &frame, payload ? payload : nothing, &why);

	assert_true((rc == 0) == (why == NULL));
	return rc;
}

static int guest(struct channel *channel, uint8_t type, uint8_t stream, uint32_t length, const void *payload)
{
	struct wire_frame frame = {length, 1, type, stream};
	const char *why;
	int rc = channel_from_guest(channel, &frame, payload ? payload : nothing, &why);

	assert_true((rc == 0) == (why == NULL));
	return rc;
}

static const uint8_t *u32(uint32_t number)
{
	static uint8_t bytes[4];

	wire_put_u32(bytes, number);
	return bytes;
}

static const uint8_t *ended(uint32_t kind, uint32_t value)
{
	static uint8_t bytes[8];

	wire_put_u32(bytes, kind);
	wire_put_u32(bytes + 4, value);
	return bytes;
}

static struct channel opened(void)
{
	struct channel channel;

	channel_init(&channel);
	assert_int_equal(client(&channel, WIRE_OPEN, 0, 1, "s"), 0);
	return channel;
}

static struct channel started(void)
{
	struct channel channel = opened();

	assert_int_equal(client(&channel, WIRE_START, 0, 0, NULL), 0);
	assert_int_equal(guest(&channel, WIRE_STARTED, 0, 4, u32(7)), 0);
	return channel;
}

static void nothing_comes_before_open(void **state)
{
	struct channel channel;

	(void)state;
	channel_init(&channel);
	assert_int_equal(client(&channel, WIRE_START, 0, 0, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, 1, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_KILL, 0, 0, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_NOTE, 0, 2, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_OPEN, 0, 1, "s"), 0);
	assert_int_equal(client(&channel, WIRE_OPEN, 0, 1, "s"), -EPROTO);
}

static void client_has_channel_1_alone(void **state)
{
	struct channel channel = opened();
	struct wire_frame frame = {0, 2, WIRE_KILL, 0};
	const char *why;

	(void)state;
	assert_int_equal(channel_from_client(&channel, &frame, nothing, &why), -EPROTO);
	frame.channel = 1;
	assert_int_equal(channel_from_client(&channel, &frame, nothing, &why), 0);
}

static void stdin_is_bounded_by_its_credit(void **state)
{
	struct channel channel = opened();

	(void)state;
	for (unsigned int i = 0; i < WIRE_WINDOW_FIRST / WIRE_PAYLOAD_MAX; i++)
		assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, WIRE_PAYLOAD_MAX, NULL), 0);
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, 1, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_CREDIT, WIRE_STDIN, 4, u32(1)), 0);
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, 2, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, 1, NULL), 0);
	assert_int_equal(guest(&channel, WIRE_CREDIT, WIRE_STDIN, 4, u32(WIRE_WINDOW)), 0);
	assert_int_equal(guest(&channel, WIRE_CREDIT, WIRE_STDIN, 4, u32(1)), -EPROTO);
	assert_int_equal(client(&channel, WIRE_EOF, WIRE_STDIN, 0, NULL), 0);
	assert_int_equal(client(&channel, WIRE_EOF, WIRE_STDIN, 0, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDIN, 1, NULL), -EPROTO);
}

static void output_is_bounded_by_its_credit(void **state)
{
	struct channel channel = started();

	(void)state;
	for (uint8_t stream = WIRE_STDOUT; stream <= WIRE_STDERR; stream++) {
		for (unsigned int i = 0; i < WIRE_WINDOW_FIRST / WIRE_PAYLOAD_MAX; i++)
			assert_int_equal(guest(&channel, WIRE_DATA, stream, WIRE_PAYLOAD_MAX, NULL), 0);
		assert_int_equal(guest(&channel, WIRE_DATA, stream, 1, NULL), -EPROTO);
		assert_int_equal(client(&channel, WIRE_CREDIT, stream, 4, u32(UINT32_MAX)), -EPROTO);
		assert_int_equal(client(&channel, WIRE_CREDIT, stream, 4, u32(5)), 0);
		assert_int_equal(guest(&channel, WIRE_DATA, stream, 5, NULL), 0);
		assert_int_equal(guest(&channel, WIRE_EOF, stream, 0, NULL), 0);
		assert_int_equal(guest(&channel, WIRE_DATA, stream, 1, NULL), -EPROTO);
		assert_int_equal(client(&channel, WIRE_CREDIT, stream, 4, u32(5)), 0);
	}
}

static void streams_have_a_direction(void **state)
{
	struct channel channel = started();

	(void)state;
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_STDOUT, 1, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_EOF, WIRE_SPEC, 0, NULL), -EPROTO);
	assert_int_equal(client(&channel, WIRE_CREDIT, WIRE_STDIN, 4, u32(0)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_DATA, WIRE_STDIN, 1, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_DATA, WIRE_SPEC, 1, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_EOF, WIRE_STDIN, 0, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_CREDIT, WIRE_STDERR, 4, u32(0)), -EPROTO);
	for (uint8_t type = WIRE_HELLO; type < WIRE_TYPES; type++) {
		if (type != WIRE_DATA && type != WIRE_EOF && type != WIRE_CREDIT && type != WIRE_SIGNAL &&
		    type != WIRE_KILL && type != WIRE_WINSIZE)
			assert_int_equal(client(&channel, type, 0, 0, NULL), -EPROTO);
		if (type != WIRE_DATA && type != WIRE_EOF && type != WIRE_CREDIT && type != WIRE_NOTE &&
		    type != WIRE_EXITED)
			assert_int_equal(guest(&channel, type, 0, 0, NULL), -EPROTO);
	}
}

static void spec_ends_with_start_and_has_a_bound(void **state)
{
	struct channel channel = opened();

	(void)state;
	for (uint32_t sent = 0; sent < WIRE_SPEC_MAX; sent += WIRE_PAYLOAD_MAX) {
		assert_int_equal(client(&channel, WIRE_DATA, WIRE_SPEC, WIRE_PAYLOAD_MAX, NULL), 0);
		assert_int_equal(guest(&channel, WIRE_CREDIT, WIRE_SPEC, 4, u32(WIRE_PAYLOAD_MAX)), 0);
	}
	assert_int_equal(client(&channel, WIRE_DATA, WIRE_SPEC, 1, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_STARTED, 0, 4, u32(1)), -EPROTO);
	assert_int_equal(client(&channel, WIRE_START, 0, 0, NULL), 0);
	assert_int_equal(client(&channel, WIRE_START, 0, 0, NULL), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_STARTED, 0, 4, u32(1)), 0);
	assert_int_equal(guest(&channel, WIRE_STARTED, 0, 4, u32(1)), -EPROTO);
}

static void a_task_ends_once_and_possibly(void **state)
{
	struct channel channel = started();

	(void)state;
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(0, 256)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(1, 0)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(1, 65)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(2, 1)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(1, 64)), 0);
	assert_int_equal(guest(&channel, WIRE_EXITED, 0, 8, ended(0, 0)), -EPROTO);
	assert_int_equal(guest(&channel, WIRE_DATA, WIRE_STDOUT, 1, NULL), -EPROTO);
}

static void signals_exist(void **state)
{
	struct channel channel = opened();

	(void)state;
	assert_int_equal(client(&channel, WIRE_SIGNAL, 0, 4, u32(0)), -EPROTO);
	assert_int_equal(client(&channel, WIRE_SIGNAL, 0, 4, u32(65)), -EPROTO);
	assert_int_equal(client(&channel, WIRE_SIGNAL, 0, 4, u32(UINT32_MAX)), -EPROTO);
	assert_int_equal(client(&channel, WIRE_SIGNAL, 0, 4, u32(64)), 0);
}

static void what_nobody_takes_is_forgiven(void **state)
{
	struct channel channel = started();

	(void)state;
	assert_int_equal(channel_forgive(&channel, WIRE_STDOUT, 1), 0);
	assert_int_equal(guest(&channel, WIRE_DATA, WIRE_STDOUT, 100, NULL), 0);
	assert_int_equal(channel_forgive(&channel, WIRE_STDOUT, 101), 0);
	assert_int_equal(channel_forgive(&channel, WIRE_STDOUT, 100), 100);
	assert_int_equal(channel.credit[WIRE_STDOUT], WIRE_WINDOW_FIRST);
}

static void a_queue_keeps_order_and_gives_memory_back(void **state)
{
	struct queue queue = {0};
	uint8_t next_in = 0, next_out = 0;
	uint8_t bytes[251];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = next_in++;
		assert_int_equal(queue_push(&queue, bytes, sizeof(bytes)), 0);
		size_t take = round < 1500 ? 130 : 372;

		if (take > queue.used)
			take = queue.used;
		for (size_t i = 0; i < take; i++)
			assert_int_equal(queue_data(&queue)[i], next_out++);
		queue_pull(&queue, take);
	}
	queue_pull(&queue, queue.used);
	assert_true(queue.size <= 4 * 1500 * 121 + 8192);
	queue_trim(&queue);
	assert_null(queue.bytes);
	assert_null(queue_reserve(&queue, SIZE_MAX));
	queue_free(&queue);
}

static void frames_come_whole(void **state)
{
	struct queue whole = {0}, part = {0};
	struct wire_frame in = {3, 9, WIRE_DATA, WIRE_STDOUT}, number = {4, 9, WIRE_CREDIT, WIRE_STDIN}, out;
	const uint8_t *payload;
	const char *why;

	(void)state;
	assert_int_equal(frame_push(&whole, &in, "abc"), 0);
	assert_int_equal(frame_push(&whole, &number, "M\0\0"), 0);
	while (whole.used > 4 + WIRE_HEADER + 1) {
		assert_int_equal(frame_peek(&part, &out, &payload, &why), 0);
		queue_push(&part, queue_data(&whole), 1);
		queue_pull(&whole, 1);
	}
	queue_push(&part, queue_data(&whole), whole.used);
	assert_int_equal(frame_peek(&part, &out, &payload, &why), 1);
	assert_memory_equal(payload, "abc", 3);
	frame_pull(&part, &out);
	assert_int_equal(frame_peek(&part, &out, &payload, &why), 1);
	assert_int_equal(wire_u32(payload), 'M');
	frame_pull(&part, &out);
	queue_push(&part, "garbage that is no frame", 24);
	assert_int_equal(frame_peek(&part, &out, &payload, &why), -EPROTO);
	queue_free(&whole);
	queue_free(&part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_comes_before_open),
	        cmocka_unit_test(client_has_channel_1_alone),
	        cmocka_unit_test(stdin_is_bounded_by_its_credit),
	        cmocka_unit_test(output_is_bounded_by_its_credit),
	        cmocka_unit_test(streams_have_a_direction),
	        cmocka_unit_test(spec_ends_with_start_and_has_a_bound),
	        cmocka_unit_test(a_task_ends_once_and_possibly),
	        cmocka_unit_test(signals_exist),
	        cmocka_unit_test(what_nobody_takes_is_forgiven),
	        cmocka_unit_test(a_queue_keeps_order_and_gives_memory_back),
	        cmocka_unit_test(frames_come_whole),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
