/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/terminal.o common/wire.o cli/plain.o */
/* What a terminal is on the wire, and what of a console one gets to see. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/plain.h"
#include "common/terminal.h"

static void a_terminal_is_packed_and_unpacked(void **state)
{
	struct terminal terminal = {.streams = 7,
	                            .size = {.ws_row = 24, .ws_col = 300, .ws_xpixel = 65535, .ws_ypixel = 1},
	                            .modes = {.c_iflag = 1, .c_oflag = 0x10000, .c_cflag = 3, .c_lflag = 0xfffffff0}};
	struct terminal found;
	uint8_t bytes[TERMINAL_BYTES];

	(void)state;
	for (size_t i = 0; i < TERMINAL_CONTROLS; i++)
		terminal.modes.c_cc[i] = (cc_t)(200 + i);
	terminal_pack(bytes, &terminal);
	assert_int_equal(terminal_unpack(bytes, sizeof(bytes), &found), 0);
	assert_int_equal(found.streams, 7);
	assert_memory_equal(&found.size, &terminal.size, sizeof(found.size));
	assert_int_equal(found.modes.c_iflag, 1);
	assert_int_equal(found.modes.c_oflag, 0x10000);
	assert_int_equal(found.modes.c_cflag, 3);
	assert_int_equal(found.modes.c_lflag, 0xfffffff0);
	assert_memory_equal(found.modes.c_cc, terminal.modes.c_cc, TERMINAL_CONTROLS);
}

static void a_wrong_terminal_is_none(void **state)
{
	struct terminal terminal = {.streams = TERMINAL_STDOUT};
	uint8_t bytes[TERMINAL_BYTES + 1] = {0};

	(void)state;
	terminal_pack(bytes, &terminal);
	assert_int_equal(terminal_unpack(bytes, TERMINAL_BYTES, &terminal), 0);
	assert_int_equal(terminal_unpack(bytes, TERMINAL_BYTES - 1, &terminal), -EPROTO);
	assert_int_equal(terminal_unpack(bytes, TERMINAL_BYTES + 1, &terminal), -EPROTO);
	assert_int_equal(terminal_unpack(bytes, 0, &terminal), -EPROTO);
	bytes[0] = TERMINAL_STDIN; /* without stdout */
	assert_int_equal(terminal_unpack(bytes, TERMINAL_BYTES, &terminal), -EPROTO);
	assert_int_equal(terminal.streams, 0);
	bytes[0] = TERMINAL_STDOUT | 8;
	assert_int_equal(terminal_unpack(bytes, TERMINAL_BYTES, &terminal), -EPROTO);
}

/* The filter's output does not depend on how the stream is cut. */
static void assert_plain(const char *in, const char *want)
{
	size_t length = strlen(in);
	uint8_t out[512];

	for (size_t cut = 0; cut <= length; cut++) {
		struct plain plain = {0};
		size_t used = plain_filter(&plain, (const uint8_t *)in, cut, out);

		used += plain_filter(&plain, (const uint8_t *)in + cut, length - cut, out + used);
		out[used] = 0;
		assert_string_equal((char *)out, want);
	}
}

static void a_console_is_text_and_colours(void **state)
{
	char many[200] = "\033[";

	(void)state;
	assert_plain("a\tb\r\n\b", "a\tb\r\n\b");
	assert_plain("\033[1;31mred\033[0m\033[m", "\033[1;31mred\033[0m\033[m");
	assert_plain("\033[2J\033[6nx\033[?25l\033cy\033(Bz", "xyz");
	assert_plain("\033]0;title\007", "0;title?");
	assert_plain("\a\177\303\244\2332J", "????"
	                                     "?2J");
	assert_plain("\033\033[2J\033[3\033[4mx", "\033[4mx");
	memset(many + 2, '1', 100);
	strcpy(many + 102, "mx");
	assert_plain(many, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_terminal_is_packed_and_unpacked),
	        cmocka_unit_test(a_wrong_terminal_is_none),
	        cmocka_unit_test(a_console_is_text_and_colours),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
