/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/emulator.o monitor/folder.o common/str.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/emulator.h"

static char folder[] = "/tmp/wnodes-test.XXXXXX";
static char emulator[64], cache[64], copied[128];

static void write_emulator(const char *text)
{
	FILE *stream = fopen(emulator, "we");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

/* Prepare, which makes the copy text; returns its inode's number. */
static ino_t prepare(const char *text)
{
	const struct machine machine = {.emulator = emulator, .cache_dir = cache};
	char present[64];
	struct stat st;
	FILE *stream;
	size_t length;

	assert_int_equal(emulator_prepare(&machine, machine.emulator, EMULATOR_FOLDER), 0);
	assert_int_equal(stat(copied, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0711);
	stream = fopen(copied, "re");
	assert_non_null(stream);
	length = fread(present, 1, sizeof(present) - 1, stream);
	present[length] = 0;
	assert_int_equal(fclose(stream), 0);
	assert_string_equal(present, text);
	return st.st_ino;
}

static void the_copy_follows_the_emulator(void **state)
{
	struct stat st;
	ino_t inode;

	(void)state;
	if (geteuid() != 0)
		skip();
	write_emulator("\177ELF one");
	inode = prepare("\177ELF one");
	assert_int_equal(prepare("\177ELF one"), inode);
	assert_int_equal(stat(cache, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(unlink(emulator), 0);
	write_emulator("\177ELF two");
	assert_int_not_equal(prepare("\177ELF two"), inode);
}

static void a_spoilt_copy_is_made_anew(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	write_emulator("\177ELF three");
	(void)prepare("\177ELF three");
	assert_int_equal(chmod(copied, 0755), 0);
	(void)prepare("\177ELF three");
	assert_int_equal(truncate(copied, 5), 0);
	(void)prepare("\177ELF three");
	assert_int_equal(unlink(copied), 0);
	(void)prepare("\177ELF three");
}

static void what_is_no_program_is_not_copied(void **state)
{
	const struct machine machine = {.emulator = emulator, .cache_dir = cache};

	(void)state;
	write_emulator("#!/bin/sh\n");
	assert_int_equal(emulator_prepare(&machine, machine.emulator, EMULATOR_FOLDER), -ENOEXEC);
	write_emulator("");
	assert_int_equal(emulator_prepare(&machine, machine.emulator, EMULATOR_FOLDER), -ENOEXEC);
	assert_int_equal(unlink(emulator), 0);
	assert_int_equal(emulator_prepare(&machine, machine.emulator, EMULATOR_FOLDER), -ENOENT);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(emulator, sizeof(emulator), "%s/qemu", folder);
	(void)snprintf(cache, sizeof(cache), "%s/cache", folder);
	(void)snprintf(copied, sizeof(copied), "%s/emulator/copy", cache);
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"cache/emulator/copy", "cache/emulator/stamp", "cache/emulator", "cache"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_copy_follows_the_emulator),
	        cmocka_unit_test(a_spoilt_copy_is_made_anew),
	        cmocka_unit_test(what_is_no_program_is_not_copied),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
