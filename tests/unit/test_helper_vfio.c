/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/pci_address.o */
/* links: helper/vfio.o helper/pci.o helper/bounded.o helper/harden.o helper/fs.o helper/failure.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/journal.o common/kv.o common/range.o common/str.o common/log.o tests/unit/sysfs.o */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "helper/bounded.h"
#include "helper/vfio.h"
#include "tests/unit/sysfs.h"

#define VF0 "sys/devices/pci0000:00/0000:00:03.0/0000:01:10.0"

static const struct pci_address vf0 = {"0000:01:10.0"}, gone = {"0000:7f:1f.7"};
static struct failure why;

static int remove_tree(void **state)
{
	(void)state;
	sysfs_remove();
	return 0;
}

static void expect_driver(const char *driver)
{
	char is[PCI_NAME_SIZE];

	assert_int_equal(pci_driver(&vf0, is), 0);
	assert_string_equal(is, driver);
}

static void expect_override(const char *driver)
{
	char is[PCI_NAME_SIZE];

	assert_int_equal(pci_override(&vf0, is), 0);
	assert_string_equal(is, driver);
}

static void expect_why(const char *text)
{
	if (!strstr(why.message, text))
		fail_msg("'%s' does not say '%s'", why.message, text);
}

static void a_device_goes_there_and_back(void **state)
{
	unsigned int group = 0;

	(void)state;
	sysfs_make("A");
	sysfs_start_kernel();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vfio_bind(&vf0, &group, &why), 0);
		assert_int_equal(group, 8);
		expect_driver("vfio-pci");
		expect_override("vfio-pci");
		/* again */
		assert_int_equal(vfio_bind(&vf0, &group, &why), 0);
		assert_int_equal(vfio_restore(&vf0, "igbvf", &why), 0);
		expect_driver("igbvf");
		expect_override("");
		assert_int_equal(vfio_restore(&vf0, "igbvf", &why), 0);
	}
}

static void one_without_a_driver_is_left_without(void **state)
{
	unsigned int group = 0;

	(void)state;
	sysfs_make("C");
	sysfs_start_kernel();
	assert_int_equal(vfio_bind(&vf0, &group, &why), 0);
	expect_driver("vfio-pci");
	assert_int_equal(vfio_restore(&vf0, "", &why), 0);
	expect_driver("");
	expect_override("");
}

static void one_of_vfios_own_stays_so(void **state)
{
	unsigned int group = 0;

	(void)state;
	sysfs_make("B");
	sysfs_start_kernel();
	assert_int_equal(vfio_bind(&vf0, &group, &why), 0);
	assert_int_equal(vfio_restore(&vf0, "vfio-pci", &why), 0);
	expect_driver("vfio-pci");
	expect_override("vfio-pci");
	/* what a helper that was killed left behind */
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), 0);
	expect_driver("igbvf");
}

static void what_was_killed_half_way_is_restored(void **state)
{
	(void)state;
	sysfs_make("A");
	sysfs_start_kernel();
	/* override set */
	sysfs_put(VF0 "/driver_override", "vfio-pci\n");
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), 0);
	expect_override("");
	/* and unbound */
	sysfs_put(VF0 "/driver_override", "vfio-pci\n");
	sysfs_drop(VF0 "/driver");
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), 0);
	expect_driver("igbvf");
	expect_override("");
}

static void preconditions_are_named(void **state)
{
	unsigned int group = 0;

	(void)state;
	sysfs_make("D");
	assert_int_equal(vfio_bind(&vf0, &group, &why), -EXDEV);
	expect_why("0000:00:05.0 0000:01:00.0 0000:01:10.0 0000:01:10.2");
	expect_why("ACS");
	sysfs_remove();
	sysfs_make("A");
	assert_int_equal(vfio_bind(&gone, &group, &why), -ENODEV);
	expect_why("0000:7f:1f.7: there is no such device");
	sysfs_put(VF0 "/driver_override", "uio_pci_generic\n");
	assert_int_equal(vfio_bind(&vf0, &group, &why), -EBUSY);
	expect_why("uio_pci_generic");
	sysfs_put(VF0 "/driver_override", "(null)\n");
	sysfs_drop(VF0 "/iommu_group");
	assert_int_equal(vfio_bind(&vf0, &group, &why), -ENOENT);
	expect_why("IOMMU");
	sysfs_drop("sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(vfio_bind(&vf0, &group, &why), -ENOENT);
	expect_why("modprobe vfio-pci");
	expect_driver("igbvf");
	expect_override("");
}

static void a_device_that_vanishes_is_told(void **state)
{
	(void)state;
	sysfs_make("B");
	sysfs_drop(VF0);
	sysfs_drop("sys/bus/pci/devices/0000:01:10.0");
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), -ENODEV);
	expect_why("vanished");
	assert_int_equal(vfio_reset(&vf0, &why), -ENODEV);
}

static void a_driver_that_is_gone_is_named(void **state)
{
	(void)state;
	sysfs_make("B");
	sysfs_start_kernel();
	sysfs_drop("sys/bus/pci/drivers/igbvf");
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), -ENOENT);
	expect_why("igbvf is no longer loaded");
	expect_driver("");
}

static void another_driver_is_left_alone(void **state)
{
	(void)state;
	sysfs_make("A");
	assert_int_equal(vfio_restore(&vf0, "", &why), -EIO);
	expect_why("somebody has bound it to igbvf");
	expect_driver("igbvf");
}

static void a_kernel_that_does_nothing_is_not_believed(void **state)
{
	unsigned int group = 0;

	(void)state;
	/* without a kernel the writes go nowhere */
	sysfs_make("C");
	assert_int_equal(vfio_bind(&vf0, &group, &why), -EIO);
	expect_why("vfio-pci does not take it");
}

static void a_write_that_blocks_is_given_up(void **state)
{
	uint64_t begin = clock_steady();
	char path[PATH_MAX];

	(void)state;
	sysfs_make("B");
	sysfs_block("sys/bus/pci/drivers/vfio-pci/unbind");
	assert_int_equal(pci_path(path, "sys/bus/pci/drivers/vfio-pci/unbind"), 0);
	assert_int_equal(bounded_write(path, "x", 200), -ETIMEDOUT);
	assert_true(clock_steady() - begin < 2000);
}

static int hold(const void *context)
{
	(void)context;
	pause();
	return 0;
}

static void a_child_that_stays_holds_nothing(void **state)
{
	char name[] = "/tmp/wnodes-bounded.XXXXXX";
	int fd = mkstemp(name), other = open(name, O_RDONLY | O_CLOEXEC);
	pid_t child;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	child = fork();
	if (child == 0)
		_exit(bounded_run(hold, NULL, 1000) == -ETIMEDOUT ? 0 : 1);
	clock_nap(300);
	close(fd);
	/* the child of mine has it, its own has not */
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	unlink(name);
}

static int say(const void *context)
{
	return *(const int *)context;
}

static void what_the_work_returns_comes_back(void **state)
{
	static const int values[] = {0, -EBUSY, -ENODEV, -EKEYREJECTED};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(bounded_run(say, &values[i], 5000), values[i]);
	assert_int_equal(bounded_write("/nonexistent/file", "x", 5000), -ENOENT);
}

struct victim {
	int kills, runs;
};

static int fall(void *context)
{
	struct victim *victim = context;

	victim->runs++;
	if (victim->runs <= victim->kills)
		(void)raise(SIGKILL);
	return 0;
}

static void what_somebody_kills_is_begun_again(void **state)
{
	struct victim once = {.kills = 1}, always = {.kills = 100};

	(void)state;
	assert_int_equal(bounded_do(fall, &once, sizeof(once), 5000), 0);
	assert_int_equal(once.runs, 2);
	assert_int_equal(bounded_do(fall, &always, sizeof(always), 5000), -EIO);
	assert_int_equal(always.runs, 3);
}

static void a_reset_needs_a_method(void **state)
{
	(void)state;
	sysfs_make("B");
	assert_int_equal(vfio_reset(&vf0, &why), 0);
	assert_string_equal(sysfs_get(VF0 "/reset"), "1");
	sysfs_drop(VF0 "/reset");
	assert_int_equal(vfio_reset(&vf0, &why), -ENOTTY);
	expect_why("cannot be reset");
}

static void groups_are_described_once(void **state)
{
	struct kv machine = {0};

	(void)state;
	assert_int_equal(vfio_describe(&machine, 8), 0);
	assert_int_equal(vfio_describe(&machine, 18), 0);
	assert_int_equal(vfio_describe(&machine, 8), 0);
	assert_string_equal(kv_get(&machine, "vfio"), "8,18");
	assert_int_equal(vfio_describe(&machine, 1), 0);
	assert_string_equal(kv_get(&machine, "vfio"), "8,18,1");
	for (unsigned int i = 100; i < 100 + VFIO_GROUPS_MAX - 3; i++)
		assert_int_equal(vfio_describe(&machine, i), 0);
	assert_int_equal(vfio_describe(&machine, 99), -E2BIG);
	kv_free(&machine);
}

static void an_open_group_is_seen(void **state)
{
	(void)state;
	sysfs_make("B");
	/* no node: nobody can have it open */
	assert_false(vfio_is_open(8));
	sysfs_put("dev/vfio/8", "");
	assert_false(vfio_is_open(8));
	/* what cannot be found out counts as open: this open waits for ever */
	assert_int_equal(vfio_restore(&vf0, "vfio-pci", &why), 0);
	sysfs_drop("dev/vfio/8");
	sysfs_link("dev/vfio/8", "8");
	assert_true(vfio_is_open(8));
	assert_int_equal(vfio_restore(&vf0, "igbvf", &why), -EBUSY);
	expect_why("open still");
	expect_driver("vfio-pci");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(a_device_goes_there_and_back, remove_tree),
	        cmocka_unit_test_teardown(one_without_a_driver_is_left_without, remove_tree),
	        cmocka_unit_test_teardown(one_of_vfios_own_stays_so, remove_tree),
	        cmocka_unit_test_teardown(what_was_killed_half_way_is_restored, remove_tree),
	        cmocka_unit_test_teardown(preconditions_are_named, remove_tree),
	        cmocka_unit_test_teardown(a_device_that_vanishes_is_told, remove_tree),
	        cmocka_unit_test_teardown(a_driver_that_is_gone_is_named, remove_tree),
	        cmocka_unit_test_teardown(another_driver_is_left_alone, remove_tree),
	        cmocka_unit_test_teardown(a_kernel_that_does_nothing_is_not_believed, remove_tree),
	        cmocka_unit_test_teardown(a_write_that_blocks_is_given_up, remove_tree),
	        cmocka_unit_test_teardown(a_reset_needs_a_method, remove_tree),
	        cmocka_unit_test_teardown(an_open_group_is_seen, remove_tree),
	        cmocka_unit_test(a_child_that_stays_holds_nothing),
	        cmocka_unit_test(what_the_work_returns_comes_back),
	        cmocka_unit_test(what_somebody_kills_is_begun_again),
	        cmocka_unit_test(groups_are_described_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
