/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/virtiofsd.o helper/child.o helper/harden.o helper/failure.o helper/fs.o */
/* links: common/log.o common/kv.o common/str.o */
/* Which virtiofsd may serve. */
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

/* It runs in the prolog, as the job's user and in no job's cgroup. */
static void what_is_tried_is_hidden(void **state)
{
	static char bytes[16 << 20], folder[] = "/tmp/wnodes-virtiofsd-XXXXXX";
	static struct config config = {.mount_transport = MOUNT_TRANSPORT_VIRTIOFS};
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to;
	ssize_t size = read(from, bytes, sizeof(bytes));
	struct failure why = {0};
	struct kv kv = {0};

	(void)state;
	close(from);
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(config.virtiofsd, sizeof(config.virtiofsd), "%s/program", folder);
	to = open(config.virtiofsd, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	assert_true(size > 0 && (size_t)size < sizeof(bytes) && write(to, bytes, (size_t)size) == size);
	assert_int_equal(fchmod(to, 0755), 0);
	close(to);
	assert_int_equal(kv_set(&kv, "mount.0.source", "/"), 0);
	assert_int_equal(virtiofsd_choose(&config, 54399, 54399, &kv, &why), 0);
	assert_string_equal(kv_get(&kv, "virtiofsd"), config.virtiofsd);
	kv_free(&kv);
	assert_int_equal(fs_remove_folder(AT_FDCWD, folder), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_version_decides),
	                                   cmocka_unit_test(what_is_tried_is_hidden)};

	if (argc < 2 || strcmp(argv[1], "--version") != 0)
		return cmocka_run_group_tests(tests, NULL, NULL);
	/* as a virtiofsd: whether another process of its user's could look into it */
	return access("/proc/self/exe", R_OK) < 0 ? puts("virtiofsd 1.13.2") < 0 : 1;
}
