/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: fetch/url.o fetch/header.o fetch/notes.o fetch/image.o fetch/info.o fetch/fault.o fetch/args.o */
/* links: common/kv.o common/str.o common/url.o */
/* libs: -lcurl -lcrypto -ljansson */
/* What wnodes-fetch reads of others: URLs, headers, notes, images, JSON, its command line. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "fetch/args.h"
#include "fetch/header.h"
#include "fetch/image.h"
#include "fetch/info.h"
#include "fetch/notes.h"
#include "fetch/url.h"

static void a_url_is_taken_apart(void **state)
{
	struct url url;
	const char *why;

	(void)state;
	assert_int_equal(url_parse(&url, "https://us%40er:pass%3aword@host:8443/a%20b/el9.qcow2.xz?key=1#x", &why), 0);
	assert_int_equal(url.scheme, URL_HTTPS);
	assert_string_equal(url.user, "us@er");
	assert_string_equal(url.password, "pass:word");
	assert_string_equal(url.request, "https://host:8443/a%20b/el9.qcow2.xz?key=1");
	assert_string_equal(url.shown, "https://host:8443/a%20b/el9.qcow2.xz");
	assert_string_equal(url.origin, "https://host:8443/");
	assert_int_equal(url.packing, PACKING_XZ);
	assert_int_equal(strlen(url.id), 64);
	url_free(&url);
	assert_int_equal(url_parse(&url, "file:///srv/images/el9%20.raw", &why), 0);
	assert_int_equal(url.scheme, URL_FILE);
	assert_string_equal(url.path, "/srv/images/el9 .raw");
	assert_null(url.user);
	url_free(&url);
}

static void what_is_no_url_of_ours_is_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    "el9",
	                                    "/srv/images/el9",
	                                    "ftp://host/a",
	                                    "HTTPS//host/a",
	                                    "http://",
	                                    "gopher://host/",
	                                    "http://ho st/",
	                                    "file:///a%00b",
	                                    "file://host/a",
	                                    "http://host:99999/"};
	struct url url;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		why = NULL;
		if (url_parse(&url, texts[i], &why) != -EINVAL)
			fail_msg("%s", texts[i]);
		assert_non_null(why);
		assert_null(url.request);
	}
}

static bool may(const char *from_text, const char *to_text)
{
	struct url from, to;
	const char *why;
	bool yes;

	assert_int_equal(url_parse(&from, from_text, &why), 0);
	assert_int_equal(url_parse(&to, to_text, &why), 0);
	yes = url_may_redirect(&from, &to);
	url_free(&from);
	url_free(&to);
	return yes;
}

static void redirects_never_lose_what_is_verified(void **state)
{
	(void)state;
	assert_true(may("http://a/", "http://b/"));
	assert_true(may("http://a/", "https://b/"));
	assert_true(may("https://a/", "https://b/"));
	assert_false(may("https://a/", "http://a/"));
	assert_false(may("http://a/", "file:///etc/passwd"));
	assert_false(may("https://a/", "file:///etc/passwd"));
}

static void a_packing_is_a_paths_ending(void **state)
{
	(void)state;
	assert_int_equal(url_packing("/a.gz"), PACKING_GZIP);
	assert_int_equal(url_packing("/a.qcow2.zst"), PACKING_ZSTD);
	assert_int_equal(url_packing("/a.xz"), PACKING_XZ);
	assert_int_equal(url_packing("/a.gz.raw"), PACKING_NONE);
	assert_int_equal(url_packing(".gz"), PACKING_NONE);
	assert_int_equal(url_packing(""), PACKING_NONE);
}

static void a_range_says_where_it_begins(void **state)
{
	static const char *const wrong[] = {"",
	                                    "bytes",
	                                    "bytes ",
	                                    "bytes 1-2",
	                                    "bytes 2-1/3",
	                                    "bytes */5",
	                                    "bytes 1-/5",
	                                    "bytes -1-4/5",
	                                    "lines 1-4/5",
	                                    "bytes 1-4/5x",
	                                    "bytes 1-3/5",
	                                    "bytes 1-4/99999999999999999999"};
	uint64_t begin, total;

	(void)state;
	assert_int_equal(header_range("bytes 1-4/5", &begin, &total), 0);
	assert_int_equal(begin, 1);
	assert_int_equal(total, 5);
	assert_int_equal(header_range("Bytes 7-9/*", &begin, &total), 0);
	assert_int_equal(begin, 7);
	assert_true(total == NOTES_UNKNOWN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (header_range(wrong[i], &begin, &total) != -EINVAL)
			fail_msg("%s", wrong[i]);
}

static void line(struct header *header, const char *text)
{
	header_line(header, text, strlen(text));
}

static void a_header_is_its_lines(void **state)
{
	struct header header = {0};
	char longer[2048];

	(void)state;
	line(&header, "HTTP/1.1 206 Partial Content\r\n");
	line(&header, "etag:  \"a b\" \r\n");
	line(&header, "LAST-MODIFIED: Sun, 22 Nov 2026 21:45:00 GMT\r\n");
	line(&header, "Content-Range: bytes 5-9/10\r\n");
	line(&header, "no colon\r\n");
	line(&header, ":\r\n");
	line(&header, "\r\n");
	assert_string_equal(header.etag, "\"a b\"");
	assert_string_equal(header.modified, "Sun, 22 Nov 2026 21:45:00 GMT");
	assert_true(header.has_range);
	assert_false(header.encoded);
	line(&header, "Content-Encoding: gzip\r\n");
	assert_true(header.encoded);
	/* what could break out of a request's header, or does not fit */
	line(&header, "HTTP/1.1 200 OK\r\n");
	assert_string_equal(header.etag, "");
	line(&header, "ETag: \"a\rb\"\r\n");
	assert_string_equal(header.etag, "");
	header_line(&header, "ETag: \"a\0b\"", 11);
	assert_string_equal(header.etag, "");
	for (size_t length = 250; length < sizeof(longer); length += 3) {
		memset(longer, 'a', sizeof(longer));
		memcpy(longer, "ETag: ", 6);
		header_line(&header, longer, length);
		assert_true(strlen(header.etag) < sizeof(header.etag));
	}
}

static struct notes good_notes(void)
{
	struct notes notes = {.etag = "\"5e-1\"", .modified = "", .total = 4096, .synced = 512, .boot = "b"};

	memset(notes.url, 'a', URL_ID - 1);
	return notes;
}

static void notes_come_back(void **state)
{
	struct notes notes = good_notes(), again;
	int fd = memfd_create("notes", 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(notes_save(&notes, fd), 0);
	notes_load(&again, fd);
	assert_memory_equal(&notes, &again, sizeof(notes));
	assert_string_equal(notes_validator(&again), "\"5e-1\"");
	/* no notes replace them */
	notes = (struct notes){0};
	assert_int_equal(notes_save(&notes, fd), 0);
	notes_load(&again, fd);
	assert_memory_equal(&notes, &again, sizeof(notes));
	assert_null(notes_validator(&again));
	(void)close(fd);
}

static void notes_that_cannot_be_ours_are_none(void **state)
{
	static const char *const lines[] = {"etag=W/\"weak\"\nmodified=\n", "etag=\nmodified=\n", "etag=\"a\"\n",
	                                    "etag=\"a\tb\"\nmodified=\n", "etag=\"a\"\nmodified=\netag=\"b\"\n"};
	struct notes notes;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)snprintf(text, sizeof(text), "format=1\nurl=%064d\n%sboot=\ntotal=5\nsynced=0\n", 0, lines[i]);
		if (notes_parse(&notes, text, strlen(text)) != -EINVAL || notes.url[0] != 0)
			fail_msg("%s", text);
	}
}

/* Whatever a broken disk or a hostile neighbour makes of the file: what is accepted is safe to use. */
static void damaged_notes_are_safe(void **state)
{
	struct notes good = good_notes(), notes;
	char page[4096], copy[4096];
	int fd = memfd_create("notes", 0);
	size_t length;

	(void)state;
	srandom(4);
	assert_int_equal(notes_save(&good, fd), 0);
	assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
	length = strlen(page);
	for (int i = 0; i < 50000; i++) {
		size_t end = i % 3 == 0 ? (size_t)random() % length : length;

		memcpy(copy, page, sizeof(copy));
		for (int changes = (int)(random() % 4); changes >= 0; changes--)
			copy[(size_t)random() % length] = (char)random();
		if (notes_parse(&notes, copy, end) == 0) {
			assert_int_equal(strlen(notes.url), URL_ID - 1);
			assert_non_null(notes_validator(&notes));
			assert_int_equal(strcspn(notes_validator(&notes), "\r\n"), strlen(notes_validator(&notes)));
		} else {
			assert_int_equal(notes.url[0], 0);
		}
	}
	(void)close(fd);
}

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes-- > 0) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* A version 3 header of a disk of 1 GiB with clusters of 64 KiB, in a file of 1 MiB. */
static void make_qcow2(uint8_t head[IMAGE_HEADER])
{
	memset(head, 0, IMAGE_HEADER);
	memcpy(head, "QFI\xfb", 4);
	put(head + 4, 3, 4);
	put(head + 20, 16, 4);
	put(head + 24, UINT64_C(1) << 30, 8);
	put(head + 36, 2, 4);
	put(head + 40, 0x30000, 8);
	put(head + 100, 104, 4);
}

static int check(const uint8_t *head, size_t length, bool qcow2, uint64_t *bytes)
{
	struct fault fault = {0};
	int rc = image_check(head, length, 1 << 20, qcow2, bytes, &fault);

	assert_int_equal(fault.code, rc < 0 ? EXIT_DATA : 0);
	return rc;
}

static void a_header_is_believed_where_it_can_be_true(void **state)
{
	static const struct {
		size_t at;
		unsigned int bytes;
		uint64_t value;
	} lies[] = {{0, 1, 'q'},
	            {4, 4, 1},
	            {4, 4, 4},
	            {8, 8, 0x100},
	            {16, 4, 11},
	            {20, 4, 8},
	            {20, 4, 22},
	            {20, 4, UINT32_MAX},
	            {24, 8, 0},
	            {24, 8, (UINT64_C(1) << 30) + 1},
	            {24, 8, UINT64_MAX},
	            {32, 4, 1},
	            {36, 4, 1},
	            {36, 4, UINT32_MAX},
	            {40, 8, (1 << 20) - 8},
	            {40, 8, UINT64_MAX - 8},
	            {72, 8, 2},
	            {72, 8, 4},
	            {100, 4, 72}};
	uint8_t head[IMAGE_HEADER];
	uint64_t bytes;

	(void)state;
	make_qcow2(head);
	assert_int_equal(check(head, sizeof(head), true, &bytes), 0);
	assert_int_equal(bytes, UINT64_C(1) << 30);
	assert_int_equal(check(head, sizeof(head), false, &bytes), -EIO);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		make_qcow2(head);
		put(head + lies[i].at, lies[i].value, lies[i].bytes);
		if (check(head, sizeof(head), true, &bytes) == 0)
			fail_msg("offset %zu: %llx", lies[i].at, (unsigned long long)lies[i].value);
	}
	for (size_t length = 0; length < 104; length++) {
		make_qcow2(head);
		assert_int_equal(check(head, length, true, &bytes), -EIO);
	}
}

/* Whatever a header says, what is accepted is a disk that can be. */
static void damaged_headers_are_safe(void **state)
{
	uint8_t head[IMAGE_HEADER];
	uint64_t bytes;

	(void)state;
	srandom(11);
	for (int i = 0; i < 200000; i++) {
		make_qcow2(head);
		for (int changes = (int)(random() % 6); changes >= 0; changes--)
			head[4 + random() % 104] = (uint8_t)(random() % 3 == 0 ? 0xff : random());
		if (check(head, sizeof(head), true, &bytes) < 0)
			continue;
		assert_int_equal(bytes % 512, 0);
		assert_in_range(bytes, 512, UINT64_C(1) << 50);
		assert_memory_equal(head + 8, "\0\0\0\0\0\0\0\0", 8);
		assert_int_equal(head[79] & 6, head[7] == 3 ? 0 : head[79] & 6);
	}
}

static void a_raw_disk_is_anything_else(void **state)
{
	uint8_t head[IMAGE_HEADER] = {0xeb, 0x63};
	uint64_t bytes;

	(void)state;
	assert_int_equal(check(head, sizeof(head), false, &bytes), 0);
	assert_int_equal(bytes, 1 << 20);
	memcpy(head, "\x1f\x8b", 2);
	assert_int_equal(check(head, sizeof(head), false, &bytes), -EIO);
	memcpy(head, "<!DOCTYPE html>", 15);
	assert_int_equal(check(head, sizeof(head), false, &bytes), -EIO);
}

static void qemu_says_the_same(void **state)
{
	static const char *const wrong[] = {
	        "",
	        "[]",
	        "{",
	        "{}",
	        "{\"format\": \"qcow2\"}",
	        "{\"format\": \"raw\", \"virtual-size\": 512}",
	        "{\"format\": 3, \"virtual-size\": 512}",
	        "{\"format\": \"qcow2\", \"virtual-size\": -512}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 1e9}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 99999999999999999999}",
	        "{\"format\": \"qcow2\", \"format\": \"qcow2\", \"virtual-size\": 512}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512} x",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"backing-filename\": \"/etc/shadow\"}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"backing-filename\": null}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"encrypted\": true}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"format-specific\": {\"data\": {\"data-file\": "
	        "\"x\"}}}",
	        "{\"format\": \"qcow2\", \"virtual-size\": 512, \"format-specific\": {\"data\": {\"corrupt\": true}}}"};
	const char *right = "{\"format\": \"qcow2\", \"virtual-size\": 512, \"format-specific\": {\"data\": "
	                    "{\"corrupt\": false}}, \"dirty-flag\": false}";
	struct fault fault = {0};
	uint64_t bytes;

	(void)state;
	assert_int_equal(info_parse(right, strlen(right), true, &bytes, &fault), 0);
	assert_int_equal(bytes, 512);
	assert_int_equal(info_parse(right, strlen(right), false, &bytes, &fault), -EIO);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (info_parse(wrong[i], strlen(wrong[i]), true, &bytes, &fault) != -EIO)
			fail_msg("%s", wrong[i]);
}

/* args_parse() with text as what --sources reads. */
static int parse_with(struct args *args, const char *text, struct fault *fault)
{
	char fd[16];
	char *argv[] = {"wnodes-fetch", "get", "--part", "3", "--notes", "4", "--max", "10", "--sources", fd, NULL};
	int file = memfd_create("sources", 0), rc;

	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	snprintf(fd, sizeof(fd), "%d", file);
	optind = 0;
	rc = args_parse(args, 10, argv, fault);
	close(file);
	return rc;
}

static void sources_are_read_a_line_each(void **state)
{
	static char many[65 * 16 + 1];
	struct fault fault = {0};
	struct args args;

	(void)state;
	assert_int_equal(parse_with(&args, "http://u:secret@h/a\nfile:///b\n", &fault), 0);
	assert_int_equal(args.get.count, 2);
	assert_string_equal(args.get.sources[0].password, "secret");
	assert_int_equal(args.get.max, 10);
	args_free(&args);
	assert_int_equal(parse_with(&args, "", &fault), -EIO);
	args_free(&args);
	assert_int_equal(parse_with(&args, "http://h/a\nftp://h/b", &fault), -EIO);
	assert_non_null(strstr(fault.text, "source 2: "));
	args_free(&args);
	for (int i = 0; i < 65; i++)
		strcat(many, "http://h/a\n");
	assert_int_equal(parse_with(&args, many, &fault), -EIO);
	assert_string_equal(fault.text, "more than 64 sources");
	args_free(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_url_is_taken_apart),
	                                   cmocka_unit_test(what_is_no_url_of_ours_is_refused),
	                                   cmocka_unit_test(redirects_never_lose_what_is_verified),
	                                   cmocka_unit_test(a_packing_is_a_paths_ending),
	                                   cmocka_unit_test(a_range_says_where_it_begins),
	                                   cmocka_unit_test(a_header_is_its_lines),
	                                   cmocka_unit_test(notes_come_back),
	                                   cmocka_unit_test(notes_that_cannot_be_ours_are_none),
	                                   cmocka_unit_test(damaged_notes_are_safe),
	                                   cmocka_unit_test(a_header_is_believed_where_it_can_be_true),
	                                   cmocka_unit_test(damaged_headers_are_safe),
	                                   cmocka_unit_test(a_raw_disk_is_anything_else),
	                                   cmocka_unit_test(qemu_says_the_same),
	                                   cmocka_unit_test(sources_are_read_a_line_each)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
