/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/answer.o helper/failure.o common/kv.o common/str.o */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "helper/answer.h"

/* Put one block with the value, or an empty one. */
static void put(const char *value)
{
	struct kv block = {0};

	if (value) {
		assert_int_equal(kv_set(&block, "a", value), 0);
		assert_int_equal(kv_set(&block, "b", "2"), 0);
	}
	answer_put(&block);
	kv_free(&block);
}

static void blocks_end_with_an_empty_line(void **state)
{
	struct failure why = {0};
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO);
	char text[128] = "";
	int rc;

	(void)state;
	assert_non_null(file);
	(void)fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	put("1");
	put(NULL);
	put("x\033[2J");
	rc = answer_flush(&why);
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	assert_int_equal(rc, 0);
	rewind(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void)fclose(file);
	assert_string_equal(text, "a=1\nb=2\n\na=x?[2J\nb=2\n\n");
}

static void a_reader_who_is_gone_is_noticed(void **state)
{
	struct failure why = {0};
	int out = dup(STDOUT_FILENO);
	int ends[2], rc;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	put("1");
	rc = answer_flush(&why);
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	clearerr(stdout);
	assert_int_equal(rc, -EIO);
	assert_int_equal(why.code, EXIT_NODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(blocks_end_with_an_empty_line),
	        cmocka_unit_test(a_reader_who_is_gone_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
