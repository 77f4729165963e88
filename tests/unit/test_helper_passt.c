/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/passt.o helper/child.o helper/fs.o helper/harden.o helper/failure.o common/log.o common/str.o */
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

#include "common/clock.h"
#include "helper/fs.h"
#include "helper/passt.h"

#define USER 54399U

static void test_netdevs(void **state)
{
	static const char old[] = "Available netdev backend types:\nsocket\nhubport\ntap\nuser\nvhost-user\n";
	static const char recent[] = "Available netdev backend types:\nsocket\nstream\ndgram\nvhost-user";

	(void)state;
	assert_false(passt_has_netdev(old, "stream"));
	assert_true(passt_has_netdev(old, "user"));
	assert_true(passt_has_netdev(recent, "stream"));
	assert_true(passt_has_netdev(recent, "vhost-user"));
	assert_false(passt_has_netdev(recent, "user"));
	assert_false(passt_has_netdev("", "user"));
	assert_false(passt_has_netdev("qemu: stream: no", "stream"));
}

static void test_version(void **state)
{
	static const char *const recent[] = {"passt 0.0~git20250503.587980c-2\nCopyright Red Hat\n",
	                                     "passt 0^20240806.gee36266-1.el9\n", "passt 2024_08_21.1d6142f\n",
	                                     "Failed to send 20 bytes to syslog\npasst 2030_01_01.0\n"};
	static const char *const others[] = {"passt unknown version\nCopyright 2025 Red Hat\n",
	                                     "passt 0.0~git20230309.7c7625d-1\n",
	                                     "passt 2022_11_16.ace074c\n",
	                                     "pasta 2025_01_01.0\n",
	                                     "passt 120250503.0\n",
	                                     "passt 2025\n",
	                                     "passt ",
	                                     ""};

	(void)state;
	for (size_t i = 0; i < sizeof(recent) / sizeof(recent[0]); i++)
		assert_true(passt_is_recent(recent[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(passt_is_recent(others[i]));
}

static char folder[] = "/tmp/wnodes-passt-XXXXXX", program[64];
static struct config config;

static int write_program(const void *bytes, size_t size)
{
	int fd = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n = fd < 0 ? -1 : write(fd, bytes, size);

	return fd < 0 || fchmod(fd, 0755) < 0 || close(fd) < 0 || n != (ssize_t)size ? -1 : 0;
}

static int make_folder(void **state)
{
	(void)state;
	(void)strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return -1;
	(void)snprintf(program, sizeof(program), "%s/program", folder);
	(void)strcpy(config.passt, program);
	(void)strcpy(config.emulator, program);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fs_remove_folder(AT_FDCWD, folder);
}

/* As passt and as QEMU: whether another process of its user's could look into it. */
static int act(const char *name, const char *argument)
{
	if (access("/proc/self/exe", R_OK) == 0)
		return 1;
	if (strcmp(name, "qemu") == 0)
		(void)puts("user\nstream");
	else if (argument && strcmp(argument, "--version") == 0)
		(void)puts("passt 2025_01_01.0");
	return 0;
}

static void what_is_tried_is_hidden(void **state)
{
	static char bytes[16 << 20];
	char problem[PASST_PROBLEM] = "";
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, bytes, sizeof(bytes));

	(void)state;
	close(fd);
	if (geteuid() != 0)
		skip();
	assert_true(size > 0 && (size_t)size < sizeof(bytes));
	assert_int_equal(write_program(bytes, (size_t)size), 0);
	if (passt_try(&config, USER, USER, true, problem) < 0)
		fail_msg("%s", problem);
	assert_int_equal(passt_try_slirp(&config, USER, USER, problem), 0);
}

/* Its user may stop it: the prolog goes on. */
static void what_stops_is_given_up(void **state)
{
	static const char script[] = "#!/bin/sh\nkill -STOP $$\n";
	char problem[PASST_PROBLEM] = "";
	uint64_t begin = clock_steady();

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(write_program(script, sizeof(script) - 1), 0);
	assert_int_equal(passt_try(&config, USER, USER, true, problem), -EIO);
	assert_true(clock_steady() - begin < 9000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_netdevs),
	        cmocka_unit_test(test_version),
	        cmocka_unit_test_setup_teardown(what_is_tried_is_hidden, make_folder, remove_folder),
	        cmocka_unit_test_setup_teardown(what_stops_is_given_up, make_folder, remove_folder),
	};

	if (strcmp(argv[0], "passt") == 0 || strcmp(argv[0], "qemu") == 0)
		return act(argv[0], argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
