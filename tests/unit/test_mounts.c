/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/mounts.o common/str.o common/kv.o helper/mounts.o helper/failure.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "common/mounts.h"
#include "helper/mounts.h"

static struct mounts mounts;
static char why[MOUNTS_WHY_SIZE];

static int parse(const char *text)
{
	mounts.count = 0;
	return mounts_parse(&mounts, text, 0, why);
}

static void expect(unsigned int number, const char *source, const char *target, unsigned int flags)
{
	assert_true(number < mounts.count);
	assert_string_equal(mounts.entries[number].source, source);
	assert_string_equal(mounts.entries[number].target, target);
	assert_int_equal(mounts.entries[number].flags, flags);
}

static void a_list_is_taken_apart(void **state)
{
	(void)state;
	assert_int_equal(parse("/a"), 0);
	expect(0, "/a", "/a", 0);
	assert_int_equal(parse("/a:/b,/c:ro,/d:/e:ro,/f:rw,/g h:/i j:rw"), 0);
	assert_int_equal(mounts.count, 5);
	expect(0, "/a", "/b", 0);
	expect(1, "/c", "/c", MOUNTS_READ_ONLY);
	expect(2, "/d", "/e", MOUNTS_READ_ONLY);
	expect(3, "/f", "/f", 0);
	expect(4, "/g h", "/i j", 0);
	assert_int_equal(parse("//a///b/:/c//"), 0);
	expect(0, "/a/b", "/c", 0);
	assert_int_equal(parse("/ro:/rw"), 0);
	expect(0, "/ro", "/rw", 0);
	assert_int_equal(parse("/etc:/srv/etc:ro"), 0);
	assert_int_equal(parse("/x:/devices,/x:/usr/local,/x:/tmp"), 0);
}

static void what_is_wrong_is_said(void **state)
{
	static const char *const wrong[][2] = {
	        {"", "a directory is missing"},
	        {",/a", "a directory is missing"},
	        {"/a,", "a directory is missing"},
	        {"a", "'a' is not an absolute path"},
	        {":/b", "'' is not an absolute path"},
	        {"/a:", "'' is not an absolute path"},
	        {"/a:b", "'b' is not an absolute path"},
	        {"ro:/b", "'ro' is not an absolute path"},
	        {"/a/./b", "is not an absolute path without"},
	        {"/a/..", "is not an absolute path without"},
	        {"/a:/b/../c", "is not an absolute path without"},
	        {"/a\n", "'/a?' is not an absolute path"},
	        {"/a:/b:rx", "'rx' is neither ro nor rw"},
	        {"/a:/b:", "'' is neither ro nor rw"},
	        {"/a:/b:ro:ro", "has more parts"},
	        {"/:/host", "'/' cannot be mounted"},
	        {"//:/host", "'/' cannot be mounted"},
	        {"/a:/", "/ in the guest is its own"},
	        {"/etc", "/etc in the guest is its own"},
	        {"/a:/dev/", "/dev in the guest is its own"},
	        {"/proc/1", "/proc/1 in the guest is its own"},
	        {"/a:/usr/libexec/wnodes", "is its own"},
	        {"/a:/b,/c:/b", "/b in the guest is given twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i][0]), -EINVAL);
		if (!strstr(why, wrong[i][1]))
			fail_msg("'%s' says: %s", wrong[i][0], why);
	}
}

static void lengths_and_numbers_have_bounds(void **state)
{
	char text[8192] = "", path[MOUNTS_PATH_SIZE + 1];
	size_t used = 0;

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[MOUNTS_PATH_SIZE - 1] = 0;
	assert_int_equal(parse(path), 0);
	assert_string_equal(mounts.entries[0].target, path);
	path[MOUNTS_PATH_SIZE - 1] = 'p';
	path[MOUNTS_PATH_SIZE] = 0;
	assert_int_equal(parse(path), -EINVAL);
	assert_non_null(strstr(why, "longer than 1023 bytes"));
	for (unsigned int i = 0; i < MOUNTS_MAX; i++)
		used += (size_t)sprintf(text + used, "%s/m%u", i ? "," : "", i);
	assert_int_equal(parse(text), 0);
	strcat(text, ",/more");
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(why, "more than 16"));
}

static void the_record_has_the_sites_first(void **state)
{
	static struct config config;
	struct failure failure = {0};
	struct kv kv = {0};

	(void)state;
	assert_int_equal(mounts_add(&config.mounts, "/s", "/site", MOUNTS_SITE | MOUNTS_OPTIONAL, why), 0);
	assert_int_equal(mounts_record(&config, "/a:/b:ro", &kv, &failure), 0);
	assert_string_equal(kv_get(&kv, "mount.0.source"), "/s");
	assert_string_equal(kv_get(&kv, "mount.0.target"), "/site");
	assert_string_equal(kv_get(&kv, "mount.0.options"), "rw optional site");
	assert_string_equal(kv_get(&kv, "mount.1.source"), "/a");
	assert_string_equal(kv_get(&kv, "mount.1.options"), "ro");
	assert_null(kv_get(&kv, "mount.2.source"));
	kv_free(&kv);
	assert_int_equal(mounts_record(&config, "/a:/site", &kv, &failure), -EINVAL);
	assert_int_equal(failure.code, EXIT_USAGE);
	assert_string_equal(failure.message,
	                    "--vm-mount: /site in the guest is given twice: the site mounts a directory there");
	kv_free(&kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_list_is_taken_apart),
	        cmocka_unit_test(what_is_wrong_is_said),
	        cmocka_unit_test(lengths_and_numbers_have_bounds),
	        cmocka_unit_test(the_record_has_the_sites_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
