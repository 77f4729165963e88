/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/disk_option.o common/str.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/disk_option.h"

static struct disk_option option;
static char why[128];

static void what_is_said_is_read(void **state)
{
	static const struct {
		const char *text, *mode;
		uint64_t size;
		const char *prealloc;
	} right[] = {
	        {"overlay", "overlay", 0, ""},
	        {"snapshot,size=20G", "snapshot", UINT64_C(20) << 30, ""},
	        {"size=1M", "", 1 << 20, ""},
	        {"size=1048576,prealloc=off", "", 1 << 20, "off"},
	        {"prealloc=metadata,size=1T", "", UINT64_C(1) << 40, "metadata"},
	        {"raw,prealloc=falloc", "raw", 0, "falloc"},
	        {"block,size=1G,prealloc=off", "block", 1 << 30, "off"},
	        {"overlay,prealloc=full,size=1024T", "overlay", DISK_SIZE_MAX, "full"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(disk_option_parse(&option, right[i].text, why, sizeof(why)), 0);
		assert_string_equal(why, "");
		assert_string_equal(option.mode, right[i].mode);
		assert_string_equal(option.prealloc, right[i].prealloc);
		assert_int_equal(option.size, right[i].size);
	}
}

static void what_is_wrong_is_said(void **state)
{
	static const char *const wrong[][2] = {
	        {"", "'' is no mode: give overlay, snapshot, raw or block, or a key as size=20G"},
	        {"Raw", "'Raw' is no mode"},
	        {"overlay,", "'' is not size=… or prealloc=…"},
	        {"size=1G,raw", "'raw' is not size=… or prealloc=…"},
	        {"overlay,raw", "'raw' is not size=… or prealloc=…"},
	        {"raw,,size=1G", "'' is not size=…"},
	        {"raw,cache=none", "'cache=none' is not size=…"},
	        {"size=", "size: '' is not a size from 1M to 1024T, as 20G"},
	        {"size=1", "size: '1' is not"},
	        {"size=-1G", "size: '-1G' is not"},
	        {"size=2000T", "size: '2000T' is not"},
	        {"size=99999999999999999999", "size: '99999999999999999999' is not"},
	        {"size=1G,size=1G", "size is given twice"},
	        {"prealloc=on", "prealloc: 'on' is not off, metadata, falloc or full"},
	        {"prealloc=off,prealloc=off", "prealloc is given twice"},
	        {"raw,prealloc=metadata", "raw cannot have prealloc=metadata"},
	        {"block,prealloc=full", "block cannot have prealloc=full"},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(disk_option_parse(&option, wrong[i][0], why, sizeof(why)), -EINVAL);
		assert_ptr_equal(strstr(why, wrong[i][1]), why);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(disk_option_parse(&option, text, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "is too long"));
	text[DISK_OPTION_MAX - 1] = 0;
	assert_int_equal(disk_option_parse(&option, text, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "is no mode"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_said_is_read),
	        cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
