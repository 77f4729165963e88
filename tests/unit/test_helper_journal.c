/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/journal.o helper/fs.o common/str.o */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "helper/fs.h"
#include "helper/journal.h"

static char path[] = "/tmp/wnodes-journal-XXXXXX";
static int folder = -1;

static int setup(void **state)
{
	(void)state;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlinkat(folder, "journal", 0);
	close(folder);
	return rmdir(path);
}

static void write_journal(const char *text)
{
	int fd = openat(folder, "journal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

struct seen {
	char text[512];
	const char *fails;
};

static int see(void *context, const char *kind, const char *argument)
{
	struct seen *seen = context;
	size_t used = strlen(seen->text);

	(void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s(%s) ", kind, argument);
	return seen->fails && strcmp(kind, seen->fails) == 0 ? -EBUSY : 0;
}

static void replays_backwards(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_int_equal(journal_append(folder, "run", "/run/a b"), 0);
	assert_int_equal(journal_append(folder, "cgroup", "memory /sys/x"), 0);
	assert_int_equal(journal_append(folder, "overlay", "/o"), 0);
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "overlay(/o) cgroup(memory /sys/x) run(/run/a b) ");
}

static void none_is_empty(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	write_journal("");
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "");
}

static void a_torn_last_line_is_left_out(void **state)
{
	struct seen seen = {0};

	(void)state;
	write_journal("run /r\noverlay /pa");
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "run(/r) ");
	write_journal("overlay /pa");
	seen = (struct seen){0};
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "");
}

static void appending_drops_a_torn_line(void **state)
{
	struct seen seen = {0};

	(void)state;
	write_journal("run /r\noverlay /very/long/pa");
	assert_int_equal(journal_append(folder, "overlay", "/b"), 0);
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "overlay(/b) run(/r) ");
	write_journal("run /r\noverlay /very/long/path/that/is/torn/and/longer/than/the/next");
	assert_int_equal(journal_append(folder, "x", "y"), 0);
	seen = (struct seen){0};
	assert_int_equal(journal_replay(folder, see, &seen), 0);
	assert_string_equal(seen.text, "x(y) run(/r) ");
}

static void goes_on_after_a_failure(void **state)
{
	struct seen seen = {.fails = "b"};

	(void)state;
	write_journal("a 1\nb 2\nnoargument\nc 3\n");
	assert_int_equal(journal_replay(folder, see, &seen), -EINVAL);
	assert_string_equal(seen.text, "c(3) b(2) a(1) ");
	write_journal("a 1\nb 2\nc 3\n");
	seen.text[0] = 0;
	assert_int_equal(journal_replay(folder, see, &seen), -EBUSY);
	assert_string_equal(seen.text, "c(3) b(2) a(1) ");
}

static void refuses_newlines_and_links(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(journal_append(folder, "run", "/a\n/b"), -EINVAL);
	assert_int_equal(symlinkat("/nonexistent/target", folder, "journal"), 0);
	assert_true(journal_append(folder, "run", "/a") < 0);
	assert_int_equal(fstatat(folder, "journal", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(replays_backwards, setup, teardown),
	        cmocka_unit_test_setup_teardown(none_is_empty, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_torn_last_line_is_left_out, setup, teardown),
	        cmocka_unit_test_setup_teardown(appending_drops_a_torn_line, setup, teardown),
	        cmocka_unit_test_setup_teardown(goes_on_after_a_failure, setup, teardown),
	        cmocka_unit_test_setup_teardown(refuses_newlines_and_links, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
