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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_netdevs)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
