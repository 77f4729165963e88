/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/record.o helper/fs.o helper/disk/base.o helper/failure.o common/str.o common/kv.o */
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

#include "common/exitcode.h"
#include "helper/disk/base.h"
#include "helper/fs.h"
#include "helper/record.h"

static char path[] = "/tmp/wnodes-record-XXXXXX";
static struct record record;

static int setup(void **state)
{
	(void)state;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	record = (struct record){.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock = -1};
	return record.dirfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	record_close(&record);
	return fs_remove_folder(AT_FDCWD, path);
}

static void names(void **state)
{
	uint32_t job = 0, restart = 0;

	(void)state;
	assert_int_equal(record_parse_name("7.0", &job, &restart), 0);
	assert_int_equal(job, 7);
	assert_int_equal(restart, 0);
	assert_int_equal(record_parse_name("4294967280.16777215", &job, &restart), 0);
	assert_int_equal(record_parse_name("0.0", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("4294967281.0", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("7", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("7.", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("7.0.0", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("..", &job, &restart), -EINVAL);
	assert_int_equal(record_parse_name("7.00000000000000000000000000000000000000", &job, &restart), -EINVAL);
}

static void phases_are_saved(void **state)
{
	struct failure why = {EXIT_NODE, "no space"};
	struct kv kv = {0};

	(void)state;
	assert_false(record_is(&record, "prepared"));
	assert_int_equal(record_set_phase(&record, "prepared", NULL), 0);
	assert_true(record_is(&record, "prepared"));
	assert_int_equal(record_set_phase(&record, "failed", &why), 0);
	assert_int_equal(kv_load(&kv, record.dirfd, "record"), 0);
	assert_string_equal(kv_get(&kv, "phase"), "failed");
	assert_string_equal(kv_get(&kv, "code"), "75");
	assert_string_equal(kv_get(&kv, "message"), "no space");
	kv_free(&kv);
}

static void a_record_has_an_owner_who_is_not_root(void **state)
{
	uid_t uid = 0;
	gid_t gid = 0;

	(void)state;
	assert_int_equal(record_owner(&record, &uid, &gid), -EINVAL);
	assert_int_equal(kv_set(&record.kv, "uid", "1000"), 0);
	assert_int_equal(record_owner(&record, &uid, &gid), -EINVAL);
	assert_int_equal(kv_set(&record.kv, "gid", "100"), 0);
	assert_int_equal(record_owner(&record, &uid, &gid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(gid, 100);
	assert_int_equal(kv_set(&record.kv, "uid", "4294967295"), 0);
	assert_int_equal(record_owner(&record, &uid, &gid), -EINVAL);
	assert_int_equal(kv_set(&record.kv, "uid", "0"), 0);
	assert_int_equal(record_owner(&record, &uid, &gid), -EINVAL);
}

static void only_one_holds_the_lock(void **state)
{
	struct record other = {.dirfd = openat(record.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock = -1};

	(void)state;
	assert_int_equal(record_lock(&record, 0), -ENOENT); /* nothing to load */
	assert_int_equal(record_set_phase(&record, "allocated", NULL), 0);
	assert_int_equal(record_lock(&record, 0), 0);
	assert_int_equal(record_lock(&other, 20), -EBUSY);
	close(record.lock);
	record.lock = -1;
	assert_int_equal(record_lock(&other, 0), 0);
	assert_true(record_is(&other, "allocated"));
	record_close(&other);
}

static void a_record_is_cancelled_once(void **state)
{
	(void)state;
	assert_false(record_is_cancelled(&record));
	assert_int_equal(record_cancel(&record), 0);
	assert_true(record_is_cancelled(&record));
	assert_int_equal(record_cancel(&record), 0);
}

static void folders_are_removed_with_what_is_in_them(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(record.dirfd, "run", 0700), 0);
	close(openat(record.dirfd, "run/state", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(symlinkat("/etc", record.dirfd, "run/link"), 0);
	assert_int_equal(fs_remove_folder(record.dirfd, "run"), 0);
	assert_int_equal(fs_remove_folder(record.dirfd, "run"), 0);
	assert_int_equal(symlinkat("/etc", record.dirfd, "link"), 0);
	assert_true(fs_remove_folder(record.dirfd, "link") < 0);
}

static void a_lock_has_one_owner(void **state)
{
	int lock;

	(void)state;
	if (geteuid() != 0)
		skip();
	lock = fs_open_lock(path, "l.lock", 0);
	assert_true(lock >= 0);
	assert_int_equal(fs_open_lock(path, "l.lock", 0), -EBUSY);
	close(lock);
	lock = fs_open_lock(path, "l.lock", 0);
	assert_true(lock >= 0);
	close(lock);
	assert_int_equal(fs_open_lock("/nowhere/at/all", "l.lock", 0), -ENOENT);
}

static void paths_that_are_not_trusted(void **state)
{
	char file[128];
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(file, sizeof(file), "%s/f", path);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	fd = fs_open_file(file, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(file, 0664), 0);
	assert_int_equal(fs_open_file(file, NULL), -EPERM);
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(fs_open_file(file, NULL), -EPERM);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chown(file, 12345, 0), 0);
	assert_int_equal(fs_open_file(file, NULL), -EPERM);
	assert_int_equal(fs_open_file("relative", NULL), -EINVAL);
	assert_int_equal(fs_open_file(path, NULL), -EINVAL);
	assert_int_equal(fs_open_file("/tmp/../etc/passwd", NULL), -EINVAL);
}

static int header(const unsigned char *bytes, size_t length)
{
	int fd = openat(record.dirfd, "base", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	return fd;
}

static void sizes_of_bases(void **state)
{
	unsigned char qcow2[104] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
	struct failure why = {0};
	uint64_t bytes = 0;
	int fd;

	(void)state;
	qcow2[28] = 0x40; /* 1 GiB */
	fd = header(qcow2, sizeof(qcow2));
	assert_int_equal(base_size(fd, "b", true, &bytes, &why), 0);
	assert_int_equal(bytes, 1 << 30);
	assert_int_equal(base_size(fd, "b", false, &bytes, &why), 0);
	assert_int_equal(bytes, 512);
	close(fd);
	qcow2[79] = 4; /* an external data file */
	fd = header(qcow2, sizeof(qcow2));
	assert_int_equal(base_size(fd, "b", true, &bytes, &why), -EIO);
	close(fd);
	qcow2[79] = 0;
	qcow2[15] = 8; /* a backing file */
	fd = header(qcow2, sizeof(qcow2));
	assert_int_equal(base_size(fd, "b", true, &bytes, &why), -EIO);
	close(fd);
	fd = header(qcow2, 40);
	assert_int_equal(base_size(fd, "b", true, &bytes, &why), -EIO);
	close(fd);
	fd = header(qcow2, 0);
	assert_int_equal(base_size(fd, "b", false, &bytes, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	close(fd);
}

static void paths_are_split(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	assert_string_equal(fs_split("/a/b", folder), "b");
	assert_string_equal(folder, "/a");
	assert_null(fs_split("/a", folder));
	assert_null(fs_split("/a/", folder));
	assert_null(fs_split("a/b", folder));
	assert_null(fs_split("/a/../b", folder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names),
	        cmocka_unit_test(paths_are_split),
	        cmocka_unit_test_setup_teardown(phases_are_saved, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_record_has_an_owner_who_is_not_root, setup, teardown),
	        cmocka_unit_test_setup_teardown(only_one_holds_the_lock, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_record_is_cancelled_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(folders_are_removed_with_what_is_in_them, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_lock_has_one_owner, setup, teardown),
	        cmocka_unit_test_setup_teardown(paths_that_are_not_trusted, setup, teardown),
	        cmocka_unit_test_setup_teardown(sizes_of_bases, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
