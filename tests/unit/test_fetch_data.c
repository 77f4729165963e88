/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: fetch/part.o fetch/unpack/unpack.o fetch/unpack/gzip.o fetch/unpack/xz.o fetch/unpack/zstd.o */
/* libs: -lz -llzma -lzstd */
/* What wnodes-fetch makes of the bytes: unpacked however they arrive, and written with holes. */
#include <errno.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "fetch/part.h"
#include "fetch/unpack/unpack.h"

#define PLAIN 200000U
#define PACKED (2U * PLAIN)

static const enum packing packings[] = {PACKING_GZIP, PACKING_XZ, PACKING_ZSTD};

struct sunk {
	uint8_t bytes[2 * PLAIN];
	size_t length;
};

static int sink(void *context, const void *data, size_t length)
{
	struct sunk *sunk = context;

	if (length > sizeof(sunk->bytes) - sunk->length)
		return -EFBIG;
	memcpy(sunk->bytes + sunk->length, data, length);
	sunk->length += length;
	return 0;
}

static size_t gzip_pack(const uint8_t *plain, size_t length, uint8_t *packed)
{
	z_stream stream = {0};
	size_t size;

	assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (uint8_t *)plain;
	stream.avail_in = (uInt)length;
	stream.next_out = packed;
	stream.avail_out = PACKED;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	size = PACKED - stream.avail_out;
	(void)deflateEnd(&stream);
	return size;
}

static size_t pack(enum packing packing, const uint8_t *plain, size_t length, uint8_t *packed)
{
	size_t size = 0;

	if (packing == PACKING_GZIP)
		return gzip_pack(plain, length, packed);
	if (packing == PACKING_ZSTD)
		return ZSTD_compress(packed, PACKED, plain, length, 1);
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, plain, length, packed, &size, PACKED),
	                 LZMA_OK);
	return size;
}

/* Text that packs well enough and is nowhere the same. */
static void make_plain(uint8_t *plain)
{
	srandom(7);
	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (uint8_t)("abcdefgh"[random() % 8]);
}

/* In pieces of so many bytes. */
static int unpack_all(enum packing packing, const uint8_t *packed, size_t length, size_t piece, struct sunk *sunk)
{
	struct unpack unpack;
	int rc;

	sunk->length = 0;
	assert_int_equal(unpack_open(&unpack, packing, sink, sunk), 0);
	for (rc = 0; rc == 0 && length > 0;) {
		size_t n = length < piece ? length : piece;

		rc = unpack_feed(&unpack, packed, n);
		packed += n;
		length -= n;
	}
	if (rc == 0)
		rc = unpack_finish(&unpack);
	if (rc == -EBADMSG)
		assert_non_null(unpack.why);
	unpack_close(&unpack);
	return rc;
}

static void pieces_make_no_difference(void **state)
{
	static const size_t pieces[] = {1, 7, 4096, PACKED};
	static uint8_t plain[PLAIN], packed[2 * PACKED];
	static struct sunk sunk;

	(void)state;
	make_plain(plain);
	for (size_t i = 0; i < 3; i++) {
		/* two streams: as `cat a.gz b.gz` */
		size_t length = pack(packings[i], plain, PLAIN / 3, packed);

		length += pack(packings[i], plain + PLAIN / 3, PLAIN - PLAIN / 3, packed + length);
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			assert_int_equal(unpack_all(packings[i], packed, length, pieces[j], &sunk), 0);
			assert_int_equal(sunk.length, PLAIN);
			assert_memory_equal(sunk.bytes, plain, PLAIN);
		}
	}
}

static void a_stream_ends_where_it_ends(void **state)
{
	static uint8_t plain[PLAIN], packed[PACKED + 16];
	static struct sunk sunk;

	(void)state;
	make_plain(plain);
	for (size_t i = 0; i < 3; i++) {
		size_t length = pack(packings[i], plain, PLAIN, packed);

		for (size_t end = 0; end < length; end += end < 100 || length - end < 100 ? 1 : 997)
			assert_int_equal(unpack_all(packings[i], packed, end, PACKED, &sunk), -EBADMSG);
		memcpy(packed + length, "garbage", 7);
		assert_int_equal(unpack_all(packings[i], packed, length + 7, PACKED, &sunk), -EBADMSG);
		assert_int_equal(unpack_all(packings[i], packed, length + 7, 1, &sunk), -EBADMSG);
	}
}

static void damage_is_found_or_harmless(void **state)
{
	static uint8_t plain[PLAIN], packed[PACKED], copy[PACKED];
	static struct sunk sunk;

	(void)state;
	make_plain(plain);
	srandom(9);
	for (size_t i = 0; i < 3; i++) {
		size_t length = pack(packings[i], plain, PLAIN, packed);

		for (int n = 0; n < 300; n++) {
			int rc;

			memcpy(copy, packed, length);
			copy[(size_t)random() % (n % 2 == 0 ? 64 : length)] ^= (uint8_t)(1U << (random() % 8));
			rc = unpack_all(packings[i], copy, length, 4096, &sunk);
			assert_true(rc == 0 || rc == -EBADMSG || rc == -ENOMEM || rc == -EFBIG);
			/* zstd's command adds a checksum, the library's one call does not */
			if (rc == 0 && packings[i] != PACKING_ZSTD)
				assert_memory_equal(sunk.bytes, plain, PLAIN);
		}
	}
}

static void a_bomb_stops_where_its_sink_says(void **state)
{
	static uint8_t plain[4 * PLAIN], packed[PACKED];
	static struct sunk sunk;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t length = pack(packings[i], plain, sizeof(plain), packed);

		assert_int_equal(unpack_all(packings[i], packed, length, PACKED, &sunk), -EFBIG);
	}
}

/* Writes data in pieces of so many bytes and reads it back. */
static void write_and_compare(const uint8_t *data, size_t length, size_t piece, uint64_t kept)
{
	struct part part;
	struct stat st;
	int fd = memfd_create("part", 0);
	uint8_t *back = malloc(length);

	assert_non_null(back);
	assert_int_equal(part_open(&part, fd, length), 0);
	/* what was there before is gone, but for what is kept */
	assert_int_equal(pwrite(fd, data, (size_t)kept, 0), kept);
	assert_int_equal(ftruncate(fd, (off_t)length + 5), 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)length / 2), 1);
	assert_int_equal(part_begin(&part, kept), 0);
	for (size_t at = (size_t)kept; at < length;) {
		size_t n = length - at < piece ? length - at : piece;

		assert_int_equal(part_write(&part, data + at, n), 0);
		at += n;
		/* at each moment a prefix */
		assert_int_equal(fstat(fd, &st), 0);
		assert_true((size_t)st.st_size <= at);
	}
	assert_int_equal(part.size, length);
	assert_int_equal(part_write(&part, "y", 1), -EFBIG);
	assert_int_equal(part_end(&part), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, length);
	assert_int_equal(pread(fd, back, length, 0), length);
	assert_memory_equal(back, data, length);
	part_close(&part);
	(void)close(fd);
	free(back);
}

static void a_part_is_what_was_written(void **state)
{
	static const size_t pieces[] = {777, 4096, 65536, 100000, 1 << 20};
	const size_t length = 10 * 65536 + 4321;
	uint8_t *data = calloc(1, length);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < 2 * 65536; i++)
		data[i] = data[5 * 65536 + 17 + i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		write_and_compare(data, length, pieces[i], 0);
		write_and_compare(data, length, pieces[i], 70001);
	}
	free(data);
}

static void a_failed_write_is_not_counted(void **state)
{
	static uint8_t data[3 * 65536] = {1};
	struct part part;
	int fd = memfd_create("part", MFD_ALLOW_SEALING);

	(void)state;
	memset(data, 1, sizeof(data));
	assert_int_equal(part_open(&part, fd, sizeof(data)), 0);
	assert_int_equal(part_begin(&part, 0), 0);
	assert_int_equal(part_write(&part, data, 65536), 0);
	(void)close(part.fd);
	assert_int_equal(part_write(&part, data, 65536), -EBADF);
	assert_int_equal(part.size, 65536);
	assert_int_equal(part.written, 65536);
	assert_int_equal(part_flush(&part), 0);
	part_close(&part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pieces_make_no_difference),   cmocka_unit_test(a_stream_ends_where_it_ends),
	        cmocka_unit_test(damage_is_found_or_harmless), cmocka_unit_test(a_bomb_stops_where_its_sink_says),
	        cmocka_unit_test(a_part_is_what_was_written),  cmocka_unit_test(a_failed_write_is_not_counted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
