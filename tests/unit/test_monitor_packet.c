/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/packet.o common/str.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "monitor/packet.h"

static struct packet packet;

static int parse(const char *text, enum packet_sender sender)
{
	memset(&packet, 0x55, sizeof(packet));
	memcpy(packet.bytes, text, strlen(text));
	return packet_parse(&packet, strlen(text), sender);
}

static void each_sender_has_its_packets(void **state)
{
	(void)state;
	assert_int_equal(parse("state booting", FROM_OWNER), 0);
	assert_int_equal(packet.kind, PACKET_STATE);
	assert_string_equal(packet.text, "booting");
	assert_int_equal(parse("state booting", FROM_RELAY), -EPROTO);
	assert_int_equal(parse("time hello", FROM_OWNER), 0);
	assert_int_equal(parse("ready", FROM_RELAY), 0);
	assert_int_equal(packet.kind, PACKET_READY);
	assert_int_equal(parse("ready", FROM_OWNER), -EPROTO);
	assert_int_equal(parse("end 70 x", FROM_RELAY), -EPROTO);
	assert_int_equal(parse("hello 0.1", FROM_RELAY), 0);
	assert_string_equal(packet.text, "0.1");
	assert_int_equal(parse("hello ", FROM_RELAY), 0);
	assert_string_equal(packet.text, "");
}

static void only_known_words_are_taken(void **state)
{
	static const char *const wrong[] = {
	        "",         " ",           "stat",         "state",      "state ",    "state ended",
	        "time x",   "times hello", "state  ready", "log",        "pause",     "pause x",
	        "end",      "end 70",      "end 70 ",      "end 0 fine", "end 300 x", "end x y",
	        "end -1 x", "end 71 x"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], FROM_OWNER), -EPROTO);
	assert_int_equal(parse("ready now", FROM_RELAY), -EPROTO);
	assert_int_equal(parse("panic ", FROM_RELAY), 0);
	assert_int_equal(parse("broken", FROM_RELAY), -EPROTO);
}

static void an_end_has_code_and_message(void **state)
{
	(void)state;
	assert_int_equal(parse("end 75 no disk space", FROM_OWNER), 0);
	assert_int_equal(packet.kind, PACKET_END);
	assert_int_equal(packet.code, EXIT_NODE);
	assert_string_equal(packet.text, "no disk space");
}

static void texts_are_made_printable(void **state)
{
	(void)state;
	assert_int_equal(parse("log a\nb\033[2Jc", FROM_OWNER), 0);
	assert_string_equal(packet.text, "a?b?[2Jc");
	memcpy(packet.bytes, "log a\0b", 7);
	assert_int_equal(packet_parse(&packet, 7, FROM_OWNER), -EPROTO);
}

static void lengths_have_bounds(void **state)
{
	(void)state;
	memset(packet.bytes, 'x', sizeof(packet.bytes));
	memcpy(packet.bytes, "log ", 4);
	assert_int_equal(packet_parse(&packet, PACKET_MAX, FROM_OWNER), 0);
	assert_int_equal(strlen(packet.text), PACKET_MAX - 4);
	memcpy(packet.bytes, "log ", 4);
	assert_int_equal(packet_parse(&packet, PACKET_MAX + 1, FROM_OWNER), -EPROTO);
}

static void packets_cross_a_socket(void **state)
{
	char big[PACKET_MAX + 100];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(packet_receive(pair[1], &packet, FROM_OWNER), -EAGAIN);
	assert_int_equal(packet_send(pair[0], "log %s\n%d", "two", 2), 0);
	assert_int_equal(packet_receive(pair[1], &packet, FROM_OWNER), 1);
	assert_string_equal(packet.text, "two?2");
	memset(big, 'y', sizeof(big));
	big[sizeof(big) - 1] = 0;
	assert_int_equal(packet_send(pair[0], "log %s", big), 0);
	assert_int_equal(packet_receive(pair[1], &packet, FROM_OWNER), 1);
	assert_int_equal(strlen(packet.text), PACKET_MAX - 4);
	assert_int_equal(send(pair[0], big, sizeof(big), 0), sizeof(big));
	assert_int_equal(packet_receive(pair[1], &packet, FROM_OWNER), -EPROTO);
	close(pair[0]);
	assert_int_equal(packet_receive(pair[1], &packet, FROM_OWNER), 0);
	assert_int_equal(packet_send(pair[1], "log x"), -EPIPE);
	close(pair[1]);
}

static void descriptors_cross_a_socket(void **state)
{
	char control[CMSG_SPACE(4 * sizeof(int))];
	char bytes[16];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int pair[2], channel[2], fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(channel), 0);
	assert_int_equal(packet_send_fds(pair[0], "channel", channel, 2), 0);
	assert_int_equal(recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC), 7);
	assert_memory_equal(bytes, "channel", 7);
	assert_int_equal(CMSG_FIRSTHDR(&message)->cmsg_len, CMSG_LEN(2 * sizeof(int)));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
	assert_int_equal(write(fds[1], "z", 1), 1);
	assert_int_equal(read(channel[0], bytes, 1), 1);
	assert_int_equal(packet_send_fds(pair[0], "channel", channel, 5), -EINVAL);
	for (size_t i = 0; i < 2; i++) {
		close(pair[i]);
		close(channel[i]);
		close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_sender_has_its_packets), cmocka_unit_test(only_known_words_are_taken),
	        cmocka_unit_test(an_end_has_code_and_message), cmocka_unit_test(texts_are_made_printable),
	        cmocka_unit_test(lengths_have_bounds),         cmocka_unit_test(packets_cross_a_socket),
	        cmocka_unit_test(descriptors_cross_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
