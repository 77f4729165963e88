/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/kv.o common/range.o common/str.o common/wire.o common/log.o common/url.o */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/kv.h"
#include "common/range.h"
#include "common/str.h"
#include "common/url.h"
#include "common/wire.h"

static void numbers_are_whole_and_in_range(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(str_u64("0", 0, 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(str_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_int_equal(str_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(str_u64("11", 0, 10, &n), -ERANGE);
	assert_int_equal(str_u64("", 0, 10, &n), -EINVAL);
	assert_int_equal(str_u64("-1", 0, 10, &n), -EINVAL);
	assert_int_equal(str_u64(" 1", 0, 10, &n), -EINVAL);
	assert_int_equal(str_u64("1x", 0, 10, &n), -EINVAL);
}

static void sizes_take_suffixes(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(str_size("256M", &n), 0);
	assert_int_equal(n, 256U << 20);
	assert_int_equal(str_size("5", &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(str_size("16777216T", &n), -ERANGE);
	assert_int_equal(str_size("M", &n), -EINVAL);
	assert_int_equal(str_size("1m", &n), -EINVAL);
	assert_int_equal(str_size("", &n), -EINVAL);
}

static void names_are_safe_as_files(void **state)
{
	char longest[66];

	(void)state;
	memset(longest, 'a', 65);
	longest[65] = 0;
	assert_true(str_is_name("el9:2026-10_a.b"));
	assert_false(str_is_name(""));
	assert_false(str_is_name(".."));
	assert_false(str_is_name("-rf"));
	assert_false(str_is_name("a/b"));
	assert_false(str_is_name("a b"));
	assert_false(str_is_name("a\n"));
	assert_false(str_is_name(longest));
	assert_true(str_is_name(longest + 1));
}

static void words_are_counted(void **state)
{
	(void)state;
	assert_int_equal(str_word("yes or no", "no"), 1);
	assert_int_equal(str_word("off, metadata, falloc or full", "off"), 0);
	assert_int_equal(str_word("off, metadata, falloc or full", "falloc"), 2);
	assert_int_equal(str_word("off, metadata, falloc or full", "full"), 3);
	assert_int_equal(str_word("off, metadata, falloc or full", "or"), -1);
	assert_int_equal(str_word("off, metadata, falloc or full", "ful"), -1);
	assert_int_equal(str_word("off, metadata, falloc or full", "falloc or full"), -1);
	assert_int_equal(str_word("off, metadata, falloc or full", ""), -1);
}

static void digests_are_sixty_four_digits(void **state)
{
	static const char digest[] = "x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char longer[sizeof(digest) + 1];

	(void)state;
	(void)snprintf(longer, sizeof(longer), "%s0", digest + 1);
	assert_true(str_is_sha256(digest + 1));
	assert_false(str_is_sha256(digest + 2));
	assert_false(str_is_sha256(digest));
	assert_false(str_is_sha256(longer));
	assert_false(str_is_sha256(""));
}

static void paths_have_no_way_up(void **state)
{
	(void)state;
	assert_true(str_is_path("/a/b..c/.d"));
	assert_false(str_is_path("a"));
	assert_false(str_is_path("/a/../b"));
	assert_false(str_is_path("/.."));
	assert_false(str_is_path("/a/./b"));
	assert_false(str_is_path("/a\nb"));
}

static void urls_are_shown_without_secrets(void **state)
{
	static const char *const urls[][2] = {
	        {"https://host/a/el9.xz", "https://host/a/el9.xz"},
	        {"https://user:pass@host:8443/a@b/c?key=1#x", "https://host:8443/a@b/c"},
	        {"https://u:p@ss@host/", "https://host/"},
	        {"http:/u:pass@host/a", "http:/host/a"},
	        {"http:///u:pass@host/a", "http:///host/a"},
	        {"https://u:pass@host", "https://host"},
	        {"https://host?u:pass@key", "https://host"},
	        {"u:pass@host/a", "host/a"},
	        {"file:///a@b.raw", "file:///a@b.raw"},
	        {"/srv/a@b:c@d.raw", "/srv/a@b:c@d.raw"},
	        {"https://", "https://"},
	        {"@", ""},
	        {"", ""},
	};
	char shown[64], next[64];

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		size_t length = strlen(urls[i][0]);

		assert_ptr_equal(url_show(shown, urls[i][0], length), shown + strlen(urls[i][1]));
		assert_string_equal(shown, urls[i][1]);
		/* the first of several */
		(void)snprintf(next, sizeof(next), "%s https://x:y@z/", urls[i][0]);
		assert_ptr_equal(url_show(shown, next, length), shown + strlen(urls[i][1]));
		assert_string_equal(shown, urls[i][1]);
	}
}

static void printing_never_cuts(void **state)
{
	char text[4];

	(void)state;
	assert_int_equal(str_print(text, sizeof(text), "%s", "abc"), 0);
	assert_string_equal(text, "abc");
	assert_int_equal(str_print(text, sizeof(text), "%s", "abcd"), -ENAMETOOLONG);
	assert_string_equal(text, "");
}

static void expect_ranges(const char *list, const char *expected, const char *rest)
{
	char text[128] = "";
	struct range range;

	while (range_next(&list, &range))
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u-%u ", range.first, range.last);
	assert_string_equal(text, expected);
	assert_string_equal(list, rest);
}

static void lists_of_ranges_are_read(void **state)
{
	(void)state;
	expect_ranges("0-3,7", "0-3 7-7 ", "");
	expect_ranges("10,4-4\n", "10-10 4-4 ", "\n");
	expect_ranges("0-4294967295)", "0-4294967295 ", ")");
	expect_ranges("", "", "");
	/* what is wrong is what is left */
	expect_ranges("N/A", "", "N/A");
	expect_ranges(",1", "", ",1");
	expect_ranges("1,", "1-1 ", ",");
	expect_ranges("1,,2", "1-1 ", ",,2");
	expect_ranges("1,x", "1-1 ", ",x");
	expect_ranges("2,1-", "2-2 ", "1-");
	expect_ranges("3-1", "", "3-1");
	expect_ranges("1-2-3", "1-2 ", "-3");
	expect_ranges("4294967296", "", "4294967296");
	expect_ranges("0-99999999999999999999", "", "0-99999999999999999999");
	expect_ranges(" 1", "", " 1");
	expect_ranges("-1", "", "-1");
}

static void a_flat_file_comes_back_as_it_was(void **state)
{
	char folder[] = "/tmp/wnodes-kv.XXXXXX";
	struct kv kv = {0}, back = {0};
	uint32_t small = 0;
	char text[3];
	uint64_t n;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(kv_set(&kv, "a", "x=y # z"), 0);
	assert_int_equal(kv_setf(&kv, "b.c", "%d", 42), 0);
	assert_int_equal(kv_set(&kv, "gone", "1"), 0);
	assert_int_equal(kv_set(&kv, "gone", NULL), 0);
	assert_int_equal(kv_save(&kv, fd, "file", 0640, 1), 0);
	assert_int_equal(kv_load(&back, fd, "file"), 0);
	assert_string_equal(kv_get(&back, "a"), "x=y # z");
	assert_int_equal(kv_get_u64(&back, "b.c", 0, 42, &n), 0);
	assert_int_equal(kv_get_u64(&back, "b.c", 0, 41, &n), -ERANGE);
	assert_int_equal(kv_get_u64(&back, "none", 0, 41, &n), -ENOENT);
	assert_int_equal(kv_get_u32(&back, "b.c", 42, UINT32_MAX, &small), 0);
	assert_int_equal(small, 42);
	assert_int_equal(kv_get_u32(&back, "b.c", 43, UINT32_MAX, &small), -ERANGE);
	assert_int_equal(kv_get_text(&back, "b.c", text, sizeof(text)), 0);
	assert_string_equal(text, "42");
	assert_int_equal(kv_get_text(&back, "a", text, sizeof(text)), -ENAMETOOLONG);
	assert_int_equal(kv_get_text(&back, "none", text, sizeof(text)), -ENOENT);
	assert_null(kv_get(&back, "gone"));
	assert_int_equal(symlinkat("file", fd, "link"), 0);
	assert_int_equal(kv_load(&back, fd, "link"), -ELOOP);
	assert_int_equal(kv_load(&back, fd, "."), -EINVAL);
	unlinkat(fd, "file", 0);
	unlinkat(fd, "link", 0);
	close(fd);
	assert_int_equal(rmdir(folder), 0);
	kv_free(&kv);
	kv_free(&back);
}

static void a_flat_file_is_refused_when_malformed(void **state)
{
	static const char *const bad[] = {"a", "a=1", "=1\n", "A=1\n", "a=1\na=2\n", "a=1\n\n", "a b=1\n"};
	struct kv kv = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(kv_parse(&kv, bad[i], strlen(bad[i])), -EINVAL);
	assert_int_equal(kv_parse(&kv, "a=1\0\n", 5), -EINVAL);
	assert_int_equal(kv_set(&kv, "a", "1\nuid=0"), -EINVAL);
	assert_int_equal(kv_set(&kv, "a=b", "1"), -EINVAL);
	assert_int_equal(kv.count, 0);
	kv_free(&kv);
}

static int header(uint32_t length, uint32_t channel, uint8_t type, uint8_t stream)
{
	struct wire_frame in = {.length = length, .channel = channel, .type = type, .stream = stream}, out;
	uint8_t bytes[WIRE_HEADER];
	const char *why;

	wire_put_header(bytes, &in);
	return wire_get_header(bytes, &out, &why);
}

static void frames_keep_to_their_rules(void **state)
{
	uint8_t bytes[WIRE_HEADER];
	struct wire_frame frame = {.length = 3, .channel = 0x01020304, .type = WIRE_DATA, .stream = WIRE_STDOUT}, back;
	const char *why;

	(void)state;
	wire_put_header(bytes, &frame);
	assert_int_equal(wire_get_header(bytes, &back, &why), 0);
	assert_int_equal(back.length, frame.length);
	assert_int_equal(back.channel, frame.channel);
	assert_int_equal(back.type, frame.type);
	assert_int_equal(back.stream, frame.stream);
	bytes[11] = 1;
	assert_int_equal(wire_get_header(bytes, &back, &why), -EPROTO);
	assert_non_null(why);
	assert_int_equal(header(WIRE_PAYLOAD_MAX, 1, WIRE_DATA, WIRE_STDIN), 0);
	assert_int_equal(header(WIRE_PAYLOAD_MAX + 1, 1, WIRE_DATA, WIRE_STDIN), -EPROTO);
	assert_int_equal(header(0, 1, WIRE_DATA, WIRE_STDIN), -EPROTO);
	assert_int_equal(header(1, 0, WIRE_DATA, WIRE_STDIN), -EPROTO);
	assert_int_equal(header(1, 1, WIRE_DATA, WIRE_STREAMS), -EPROTO);
	assert_int_equal(header(4, 0, WIRE_UNFIT, 0), -EPROTO);
	assert_int_equal(header(5, 0, WIRE_UNFIT, 0), 0);
	assert_int_equal(header(5, 1, WIRE_UNFIT, 0), -EPROTO);
	assert_int_equal(header(0, 1, WIRE_START, WIRE_STDOUT), -EPROTO);
	assert_int_equal(header(0, 1, WIRE_READY, 0), -EPROTO);
	assert_int_equal(header(0, 0, 0, 0), -EPROTO);
	assert_int_equal(header(0, 0, WIRE_TYPES, 0), -EPROTO);
	assert_int_equal(header(0, 0, WIRE_TAIL + 1, 0), -EPROTO); /* a gap */
	assert_int_equal(header(8, 1, WIRE_WINSIZE, 0), 0);
	assert_int_equal(header(7, 1, WIRE_WINSIZE, 0), -EPROTO);
	assert_int_equal(header(3, 1, WIRE_SIGNAL, 0), -EPROTO);
}

static void attributes_never_leave_their_buffer(void **state)
{
	uint8_t buffer[64];
	size_t size = wire_put_attribute(buffer, WIRE_ARG, "ls", 2), offset = 0;
	struct wire_attribute attribute;

	(void)state;
	size += wire_put_attribute(buffer + size, WIRE_ENV, "", 0);
	assert_int_equal(wire_next_attribute(buffer, size, &offset, &attribute), 1);
	assert_int_equal(attribute.tag, WIRE_ARG);
	assert_memory_equal(attribute.bytes, "ls", attribute.length);
	assert_int_equal(wire_next_attribute(buffer, size, &offset, &attribute), 1);
	assert_int_equal(attribute.length, 0);
	assert_int_equal(wire_next_attribute(buffer, size, &offset, &attribute), 0);
	for (size_t cut = 1; cut < size; cut++) {
		int rc = 1;

		offset = 0;
		while (rc > 0)
			rc = wire_next_attribute(buffer, cut, &offset, &attribute);
		assert_true(rc == -EPROTO || cut == wire_attribute_size(2));
	}
	wire_put_u32(buffer + 4, UINT32_MAX);
	offset = 0;
	assert_int_equal(wire_next_attribute(buffer, size, &offset, &attribute), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers_are_whole_and_in_range),
	        cmocka_unit_test(sizes_take_suffixes),
	        cmocka_unit_test(names_are_safe_as_files),
	        cmocka_unit_test(words_are_counted),
	        cmocka_unit_test(digests_are_sixty_four_digits),
	        cmocka_unit_test(paths_have_no_way_up),
	        cmocka_unit_test(urls_are_shown_without_secrets),
	        cmocka_unit_test(printing_never_cuts),
	        cmocka_unit_test(lists_of_ranges_are_read),
	        cmocka_unit_test(a_flat_file_comes_back_as_it_was),
	        cmocka_unit_test(a_flat_file_is_refused_when_malformed),
	        cmocka_unit_test(frames_keep_to_their_rules),
	        cmocka_unit_test(attributes_never_leave_their_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
