/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/virtiofsd.o helper/child.o helper/harden.o helper/failure.o helper/fs.o */
/* links: common/log.o common/kv.o common/str.o */
/* Which virtiofsd may serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper/virtiofsd.h"

static void the_version_decides(void **state)
{
	(void)state;
	assert_true(virtiofsd_is_usable("virtiofsd 1.13.2\n"));
	assert_true(virtiofsd_is_usable("virtiofsd 1.14.0-dev\n"));
	assert_false(virtiofsd_is_usable("virtiofsd 1.10.1\n"));
	assert_false(virtiofsd_is_usable("virtiofsd 2.0.0\n"));
	assert_false(virtiofsd_is_usable("virtiofsd 1.130"));
	assert_false(virtiofsd_is_usable("virtiofsd version 7.2.19 (Debian 1:7.2)\n"));
	assert_false(virtiofsd_is_usable("using FUSE kernel interface version 7.36\n"));
	assert_false(virtiofsd_is_usable(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_version_decides)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
