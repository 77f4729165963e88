/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/passt.o helper/child.o helper/fs.o helper/harden.o helper/failure.o common/log.o common/str.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper/passt.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_netdevs), cmocka_unit_test(test_version)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
