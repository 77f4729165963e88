/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/disk/copy.o helper/disk/base.o helper/child.o helper/harden.o helper/state.o helper/record.o */
/* links: helper/journal.o helper/fs.o helper/failure.o helper/image/cache_text.o helper/image/own.o */
/* links: helper/image/catalogue.o helper/image/access.o helper/ini_file.o helper/list.o common/command_names.o */
/* links: common/disk_option.o */
/* links: helper/config_disk.o common/kv.o common/log.o common/str.o */
/* libs: -linih */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/disk/copy.h"

#define USER 54399U

static void the_last_whole_percentage_counts(void **state)
{
	(void)state;
	assert_int_equal(copy_percent(""), -1);
	assert_int_equal(copy_percent("    (0.00/100%)\r"), 0);
	assert_int_equal(copy_percent("    (0.00/100%)\r    (12.34/100%)\r    (56.7"), 1234);
	assert_int_equal(copy_percent("(100.00/100%)\n"), 10000);
	assert_int_equal(copy_percent("34/100%)\r"), 3400);
	assert_int_equal(copy_percent("/100%)"), -1);
	assert_int_equal(copy_percent("(/100%)"), -1);
	assert_int_equal(copy_percent("(x/100%)"), -1);
	assert_int_equal(copy_percent("(-1/100%)"), -1);
	assert_int_equal(copy_percent("(1e9/100%)"), -1);
	assert_int_equal(copy_percent("(nan/100%)"), -1);
}

static int speaks(void *context)
{
	const char *text = context;

	(void)!write(STDOUT_FILENO, "(50.00/100%)\r", 13);
	(void)!write(STDERR_FILENO, text, strlen(text));
	return text[0] ? EXIT_NODE : 0;
}

static int lasts(void *context)
{
	(void)context;
	for (int i = 0; i < 400; i++) {
		(void)!write(STDOUT_FILENO, "\0(99.00/100%)\r", 14);
		(void)usleep(25000);
	}
	return 0;
}

/* More than a pipe holds, and nothing of its own. */
static int floods(void *context)
{
	char bytes[4096];

	(void)context;
	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 64; i++)
		if (write(i % 2 ? STDOUT_FILENO : STDERR_FILENO, bytes, sizeof(bytes)) < 0)
			return 1;
	return 0;
}

static struct failure why;
static char folder[] = "/tmp/wnodes-copy.XXXXXX";

static int run(int (*work)(void *), const char *text)
{
	static struct config config;
	static struct image image = {.name = "tiny"};
	struct record record = {.id = {.node = "no-such-node", .job = 7},
	                        .dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	                        .lock = -1};
	const struct disk_request request = {.config = &config, .image = &image, .record = &record};
	struct copy copy = {.request = &request, .task = "It", .doing = "copying", .bytes = 1 << 20};
	const struct child child = {.work = work, .context = (void *)(uintptr_t)text, .uid = USER, .gid = USER};
	int rc;

	config.disk.copy_timeout = 1;
	why = (struct failure){0};
	copy_begin(&copy);
	rc = copy_run(&copy, &child, &why);
	close(record.dirfd);
	return rc;
}

static void a_copy_ends_by_itself_with_its_time_or_with_its_job(void **state)
{
	char path[64];
	uint64_t begin;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(speaks, ""), 0);
	assert_int_equal(run(floods, ""), 0);
	assert_int_equal(run(speaks, "no\nspace\n"), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_string_equal(why.message, "It: no space");
	begin = clock_steady();
	assert_int_equal(run(lasts, ""), -EIO);
	assert_true(clock_steady() - begin < 5000);
	assert_non_null(strstr(why.message, "It: not done within 1 s"));
	(void)snprintf(path, sizeof(path), "%s/cancelled", folder);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	begin = clock_steady();
	assert_int_equal(run(lasts, ""), -ECANCELED);
	assert_true(clock_steady() - begin < 900);
	assert_int_equal(why.code, 0);
	(void)unlink(path);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_whole_percentage_counts),
	        cmocka_unit_test(a_copy_ends_by_itself_with_its_time_or_with_its_job),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
