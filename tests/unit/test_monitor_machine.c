/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/machine_network.o monitor/machine.o common/kv.o common/str.o common/mounts.o */
/* links: monitor/machine_device.o */
/* libs: -lxml2 */
/* links: common/mac.o common/sha256.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/machine.h"

static const char description[] =
        "job=17\nrestart=0\nnode=n1\nname=wnodes-17\nimage=tiny\n"
        "uuid=133ef5e4-9b58-4308-ac38-2c2cafa6194a\nuid=20001\ngid=20001\nuser=tester\n"
        "home=/home/tester\nshell=/bin/sh\nhostname=n1\n"
        "groups=20001:tester,20002:domain users,0:\naccelerator=tcg\n"
        "emulator=/usr/bin/qemu-system-x86_64\nmachine=q35\nvirtio=modern\nvcpus=2\n"
        "topology.sockets=1\ntopology.cores=2\ntopology.threads=1\nconsole_type=serial\n"
        "memory_mib=512\ntb_cache_mib=64\ndisk.kind=overlay\ndisk.path=/o/n1-17.qcow2\ndisk.format=qcow2\n"
        "disk.type=file\ndisk.io=threads\ndisk.iothread=no\ndisk.discard=unmap\n"
        "disk.cache=unsafe\ndisk.base=/i/base.qcow2\ndisk.base_format=qcow2\n"
        "kernel=/i/kernel\ninitrd=/i/initrd\ncmdline=console=ttyS0 "
        "quiet\nnetworks=1\nnetwork.0.kind=user\nnetwork.0.name=user\n"
        "network.0.mac=02:00:00:00:00:01\nnetwork.0.backend=slirp\nnetwork.0.dhcp=yes\n"
        "console=/home/tester/console\nboot_timeout=300\nrun_dir=/run/wnodes/n1/17\n"
        "cache_dir=/var/lib/wnodes/cache/libvirt\nlock=/var/lib/wnodes/jobs/n1/17.0/lock\n"
        "cgroup.memory=/sys/fs/cgroup/memory/slurm/job_17/vm\n"
        "cgroup.cpuset=/sys/fs/cgroup/cpuset/slurm/job_17/vm\n";

/* Check the description with key set to value (NULL: left out); why tells what is said. */
static int check_with(const char *key, const char *value, char *why)
{
	struct machine machine = {0};
	int rc;

	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	if (key)
		assert_int_equal(kv_set(&machine.kv, key, value), 0);
	rc = machine_check(&machine, why);
	machine_free(&machine);
	return rc;
}

static void a_whole_description_is_read(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(machine.uid, 20001);
	assert_int_equal(machine.group_count, 3);
	assert_int_equal(machine.group_ids[1], 20002);
	assert_int_equal(machine.group_ids[2], 0);
	assert_false(machine.kvm);
	assert_int_equal(machine.network_count, 1);
	assert_int_equal(machine.networks[0].kind, MACHINE_USER);
	assert_int_equal(machine.memory_mib, 512);
	assert_false(machine.cgroup_unified);
	assert_string_equal(machine.cgroup, "/sys/fs/cgroup/memory/slurm/job_17/vm");
	machine_free(&machine);
}

/* With devices=1, this address, and these groups. */
static int check_device(const char *address, const char *groups, struct machine *machine, char *why)
{
	*machine = (struct machine){0};
	assert_int_equal(kv_parse(&machine->kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine->kv, "devices", "1"), 0);
	assert_int_equal(kv_set(&machine->kv, "device.0.pci", address), 0);
	assert_int_equal(kv_set(&machine->kv, "vfio", groups), 0);
	return machine_check(machine, why);
}

static void devices_have_addresses_and_groups(void **state)
{
	static const char *const wrong[] = {NULL, "", "81:00.0", "0000:81:00.0 ", "0000:81:00.g", "0000:81:00", "x"};
	struct machine machine;
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(check_device("0000:81:00.0", "8,19", &machine, why), 0);
	assert_int_equal(machine.devices.count, 1);
	assert_string_equal(machine.devices.pci[0], "0000:81:00.0");
	assert_int_equal(machine.devices.group_count, 2);
	assert_int_equal(machine.devices.groups[1], 19);
	/* all its memory is touched before QEMU answers */
	machine.memory_mib = 1U << 20;
	assert_int_equal(machine_step_seconds(&machine), MACHINE_STEP_SECONDS + 1024U);
	machine.devices.group_count = 0;
	assert_int_equal(machine_step_seconds(&machine), MACHINE_STEP_SECONDS);
	machine.memory_prealloc = true;
	assert_int_equal(machine_step_seconds(&machine), MACHINE_STEP_SECONDS + 1024U);
	machine_free(&machine);
	assert_int_equal(check_device("0000:81:00.0", NULL, &machine, why), -EINVAL);
	assert_non_null(strstr(why, "vfio is missing"));
	machine_free(&machine);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(check_device(wrong[i], "8", &machine, why), -EINVAL);
		assert_non_null(strstr(why, "device.0.pci"));
		machine_free(&machine);
	}
}

static void what_is_optional_may_be_missing(void **state)
{
	static const char *const keys[] = {"hostname", "initrd", "cmdline",      "console",
	                                   "home",     "shell",  "cgroup.cpuset"};
	char why[MACHINE_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(check_with(keys[i], NULL, why), 0);
}

static void what_is_missing_is_named(void **state)
{
	static const char *const keys[] = {
	        "job",          "restart",       "node",      "name",        "uuid",
	        "image",        "uid",           "gid",       "user",        "groups",
	        "emulator",     "accelerator",   "machine",   "vcpus",       "memory_mib",
	        "tb_cache_mib", "disk.kind",     "disk.path", "disk.format", "disk.cache",
	        "disk.base",    "networks",      "virtio",    "run_dir",     "disk.base_format",
	        "boot_timeout", "cache_dir",     "lock",      "disk.type",   "disk.io",
	        "disk.discard", "disk.iothread",
	};
	char why[MACHINE_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_int_equal(check_with(keys[i], NULL, why), -EINVAL);
		assert_non_null(strstr(why, keys[i]));
		assert_non_null(strstr(why, "is missing"));
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const wrong[][2] = {
	        {"job", "0"},
	        {"job", "17x"},
	        {"uid", "0"},
	        {"uid", "4294967295"},
	        {"uuid", "133ef5e4-9b58-4308-ac38-2c2cafa6194"},
	        {"uuid", "133ef5e4-9b58-4308-ac38-2c2cafa6194g"},
	        {"node", "../n1"},
	        {"name", "a b"},
	        {"groups", "20002:second"},
	        {"groups", "20001"},
	        {"groups", "20001:a,,"},
	        {"groups", "20001:a,99999999999999999999:b"},
	        {"accelerator", "xen"},
	        {"machine", "q35,smm=on"},
	        {"vcpus", "0"},
	        {"vcpus", "256"},
	        {"memory_mib", "99999999999"},
	        {"topology.cores", "3"},
	        {"topology.sockets", "0"},
	        {"cpus", "0"},
	        {"cpus", "0,1,2"},
	        {"cpus", "0,"},
	        {"cpus", "0,,1"},
	        {"cpus", "0-1"},
	        {"cpus", "0,123456"},
	        {"hugepage_kib", "4"},
	        {"console_type", "spice"},
	        {"tb_cache_mib", "0"},
	        {"disk.kind", "cow"},
	        {"disk.type", "network"},
	        {"disk.io", "aio"},
	        {"disk.iothread", "1"},
	        {"disk.discard", "on"},
	        {"disk.format", "vmdk"},
	        {"disk.path", "relative"},
	        {"disk.path", "/o/../etc/shadow"},
	        {"disk.cache", "fast"},
	        {"disk.base_format", "vmdk"},
	        {"networks", "9"},
	        {"networks", "-1"},
	        {"network.0.kind", "hub"},
	        {"devices", "17"},
	        {"devices", "-1"},
	        {"vfio", "a"},
	        {"vfio", "8,"},
	        {"vfio", ",8"},
	        {"vfio", "8 9"},
	        {"vfio", "9999999999"},
	        {"network.0.name", "a<b"},
	        {"network.0.mac", "02:00:00:00:00"},
	        {"network.0.mac", "02:00:00:00:00:00'"},
	        {"network.0.backend", "tap"},
	        {"network.0.dhcp", "perhaps"},
	        {"network.0.address", "10.0.0.1/24 x"},
	        {"network.0.gateway", "10.0.0.1;"},
	        {"network.0.mtu", "60"},
	        {"network.0.wait", "x"},
	        {"virtio", "legacy"},
	        {"boot_timeout", "0"},
	        {"cgroup", "/sys/fs/cgroup/memory/slurm/job_17"},
	        {"cmdline", "quiet\x01"},
	        {"user", "\xff\xfe"},
	};
	char why[MACHINE_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *key = strcmp(wrong[i][0], "cgroup") == 0 ? "cgroup.memory" : wrong[i][0];

		assert_int_equal(check_with(key, wrong[i][1], why), -EINVAL);
		assert_non_null(strstr(why, wrong[i][0]));
	}
}

static void networks_have_what_their_kind_needs(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(check_with("networks", "2", why), -EINVAL);
	assert_non_null(strstr(why, "network.1.kind is missing"));
	assert_int_equal(check_with("network.0.kind", "bridge", why), -EINVAL);
	assert_non_null(strstr(why, "network.0.target is missing"));
	assert_int_equal(check_with("network.0.kind", "sriov", why), -EINVAL);
	assert_non_null(strstr(why, "network.0.pci is missing"));
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.kind", "macvtap"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.target", "wn133ef5e4-0"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.dhcp", "no"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.address", "10.1.2.3/24"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.dns", "10.1.2.1 10.1.2.2"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.mtu", "9000"), 0);
	assert_int_equal(kv_set(&machine.kv, "network.0.wait", "60"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_int_equal(machine.networks[0].kind, MACHINE_MACVTAP);
	assert_string_equal(machine.networks[0].target, "wn133ef5e4-0");
	assert_false(machine.networks[0].dhcp);
	assert_string_equal(machine.networks[0].address, "10.1.2.3/24");
	assert_null(machine.networks[0].gateway);
	assert_int_equal(machine.networks[0].mtu, 9000);
	assert_int_equal(machine.networks[0].wait, 60);
	machine_free(&machine);
}

static void cells_are_all_of_the_machine(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine.kv, "cpus", "8,0"), 0);
	assert_int_equal(kv_set(&machine.kv, "numa.0.node", "0"), 0);
	assert_int_equal(kv_set(&machine.kv, "numa.0.vcpus", "1"), 0);
	assert_int_equal(kv_set(&machine.kv, "numa.0.memory_mib", "300"), 0);
	assert_int_equal(machine_check(&machine, why), -EINVAL);
	assert_non_null(strstr(why, "numa is not all vCPUs"));
	free(machine.cpus);
	free(machine.group_ids);
	machine = (struct machine){.kv = machine.kv};
	assert_int_equal(kv_set(&machine.kv, "numa.1.node", "2"), 0);
	assert_int_equal(kv_set(&machine.kv, "numa.1.vcpus", "1"), 0);
	assert_int_equal(kv_set(&machine.kv, "numa.1.memory_mib", "212"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_int_equal(machine.cell_count, 2);
	assert_int_equal(machine.cells[1].node, 2);
	assert_int_equal(machine.cells[1].first, 1);
	assert_int_equal(machine.cpus[0], 8);
	assert_int_equal(machine.cpus[1], 0);
	machine_free(&machine);
}

static void lengths_have_bounds(void **state)
{
	char text[MACHINE_CMDLINE_MAX + 2];
	char path[PATH_MAX + 1];
	char why[MACHINE_WHY_MAX];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(check_with("cmdline", text, why), -EINVAL);
	text[sizeof(text) - 2] = 0;
	assert_int_equal(check_with("cmdline", text, why), 0);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	assert_int_equal(check_with("console", path, why), -EINVAL);
	text[65] = 0;
	assert_int_equal(check_with("name", text, why), -EINVAL);
}

static void a_kernel_goes_with_initrd_and_cmdline(void **state)
{
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(check_with("kernel", NULL, why), -EINVAL);
	assert_non_null(strstr(why, "initrd"));
}

static void cgroup_v2_has_one_folder(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine.kv, "cgroup.memory", NULL), 0);
	assert_int_equal(kv_set(&machine.kv, "cgroup.cpuset", NULL), 0);
	assert_int_equal(machine_check(&machine, why), -EINVAL);
	free(machine.group_ids);
	assert_int_equal(
	        kv_set(&machine.kv, "cgroup.unified", "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_17/vm"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_true(machine.cgroup_unified);
	assert_string_equal(machine.cgroup, machine.cgroup_memory);
	machine_free(&machine);
}

static void directories_come_after_those_they_lie_in(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.0.source", "/x"), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.0.target", "/data/sub"), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.0.options", "ro"), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.1.source", "/y"), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.1.target", "/data"), 0);
	assert_int_equal(kv_set(&machine.kv, "mount.1.options", "rw optional site"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_int_equal(machine.mounts.count, 2);
	assert_string_equal(machine.mounts.entries[0].source, "/y");
	assert_int_equal(machine.mounts.entries[0].flags, MOUNTS_OPTIONAL | MOUNTS_SITE);
	assert_string_equal(machine.mounts.entries[1].target, "/data/sub");
	assert_int_equal(machine.mounts.entries[1].flags, MOUNTS_READ_ONLY);
	machine.mounts.count = 0;
	free(machine.group_ids);
	assert_int_equal(kv_set(&machine.kv, "mount.1.target", "/etc"), 0);
	assert_int_equal(machine_check(&machine, why), -EINVAL);
	assert_non_null(strstr(why, "/etc in the guest is its own"));
	machine_free(&machine);
}

static void a_raw_disk_has_no_base(void **state)
{
	struct machine machine = {0};
	char why[MACHINE_WHY_MAX];

	(void)state;
	assert_int_equal(kv_parse(&machine.kv, description, sizeof(description) - 1), 0);
	assert_int_equal(kv_set(&machine.kv, "disk.kind", "block"), 0);
	assert_int_equal(kv_set(&machine.kv, "disk.type", "block"), 0);
	assert_int_equal(kv_set(&machine.kv, "disk.device", "7:x"), 0);
	assert_int_equal(machine_check(&machine, why), -EINVAL);
	free(machine.group_ids);
	assert_int_equal(kv_set(&machine.kv, "disk.device", "7:3"), 0);
	assert_int_equal(kv_set(&machine.kv, "disk.format", "raw"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_null(machine.disk_base);
	assert_true(machine.disk_block);
	assert_false(machine.disk_unnamed);
	free(machine.group_ids);
	assert_int_equal(kv_set(&machine.kv, "disk.kind", "snapshot"), 0);
	assert_int_equal(machine_check(&machine, why), 0);
	assert_true(machine.disk_unnamed);
	assert_string_equal(machine.disk_base, "/i/base.qcow2");
	machine_free(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_whole_description_is_read),
	        cmocka_unit_test(what_is_optional_may_be_missing),
	        cmocka_unit_test(devices_have_addresses_and_groups),
	        cmocka_unit_test(what_is_missing_is_named),
	        cmocka_unit_test(what_is_wrong_is_named),
	        cmocka_unit_test(cells_are_all_of_the_machine),
	        cmocka_unit_test(networks_have_what_their_kind_needs),
	        cmocka_unit_test(lengths_have_bounds),
	        cmocka_unit_test(a_kernel_goes_with_initrd_and_cmdline),
	        cmocka_unit_test(cgroup_v2_has_one_folder),
	        cmocka_unit_test(directories_come_after_those_they_lie_in),
	        cmocka_unit_test(a_raw_disk_has_no_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
