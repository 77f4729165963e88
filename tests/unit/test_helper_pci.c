/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/pci_address.o */
/* links: helper/pci.o helper/bounded.o helper/harden.o helper/fs.o helper/failure.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/journal.o common/kv.o common/range.o common/str.o common/log.o tests/unit/sysfs.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "helper/pci.h"
#include "tests/unit/sysfs.h"

static const struct pci_address pf = {"0000:01:00.0"}, vf0 = {"0000:01:10.0"}, vf1 = {"0000:01:10.2"},
                                gone = {"0000:7f:1f.7"};

static int remove_tree(void **state)
{
	(void)state;
	sysfs_remove();
	return 0;
}

static void addresses_are_checked(void **state)
{
	static const char *const wrong[] = {"",
	                                    "01:00.0",
	                                    "0000:01:00",
	                                    "0000:01:00.8",
	                                    "0000:01:20.0",
	                                    "0000:01:0g.0",
	                                    "10000:01:00.0",
	                                    "0000:01:00.0 ",
	                                    " 0000:01:00.0",
	                                    "0000:01:00.0\n",
	                                    "0000/01:00.0",
	                                    "../../../etc"};
	struct pci_address address;

	(void)state;
	assert_int_equal(pci_parse("0000:AB:1F.7", &address), 0);
	assert_string_equal(address.name, "0000:ab:1f.7");
	assert_int_equal(pci_parse("ffff:00:00.0", &address), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(pci_parse(wrong[i], &address), -EINVAL);
}

static void a_device_is_described(void **state)
{
	uint32_t vendor, device, class;
	char text[PCI_NAME_SIZE];
	unsigned int group;

	(void)state;
	sysfs_make("A");
	assert_true(pci_exists(&pf));
	assert_int_equal(pci_identify(&vf0, &vendor, &device, &class), 0);
	assert_int_equal(vendor, 0x8086);
	assert_int_equal(device, 0x10ca);
	assert_int_equal(class, 0x020000);
	assert_int_equal(pci_driver(&pf, text), 0);
	assert_string_equal(text, "igb");
	assert_int_equal(pci_override(&pf, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(pci_numa_node(&pf), -1);
	assert_int_equal(pci_group(&vf0, &group), 0);
	assert_int_equal(group, 8);
	assert_true(pci_has_reset(&vf0));
	assert_int_equal(pci_netdev(&vf1, text), 0);
	assert_string_equal(text, "enp1s0v1");
	assert_true(pci_has_driver("vfio-pci"));
	assert_false(pci_has_driver("nvme"));
}

static void the_states_are_told_apart(void **state)
{
	char text[PCI_NAME_SIZE];
	struct pci_address far = {"0000:81:10.0"}, found;

	(void)state;
	sysfs_make("B");
	assert_int_equal(pci_driver(&vf0, text), 0);
	assert_string_equal(text, "vfio-pci");
	assert_int_equal(pci_override(&vf0, text), 0);
	assert_string_equal(text, "vfio-pci");
	assert_int_equal(pci_netdev(&vf0, text), 0);
	assert_string_equal(text, "");
	sysfs_remove();
	sysfs_make("C");
	assert_int_equal(pci_vf(&pf, 2, &found), -ENOENT);
	assert_int_equal(pci_driver(&vf0, text), 0);
	assert_string_equal(text, "");
	sysfs_remove();
	sysfs_make("D");
	assert_int_equal(pci_numa_node(&far), 1);
	assert_int_equal(pci_numa_node(&vf0), -1);
}

static void what_is_not_there_is_said(void **state)
{
	uint32_t number;
	char text[PCI_NAME_SIZE];
	unsigned int group;

	(void)state;
	sysfs_make("A");
	assert_false(pci_exists(&gone));
	assert_int_equal(pci_read(&gone, "vendor", text, sizeof(text)), -ENODEV);
	assert_int_equal(pci_driver(&gone, text), -ENODEV);
	assert_int_equal(pci_override(&gone, text), -ENODEV);
	assert_int_equal(pci_netdev(&gone, text), -ENODEV);
	assert_int_equal(pci_group(&gone, &group), -ENODEV);
	assert_int_equal(pci_numa_node(&gone), -1);
	assert_int_equal(pci_read(&pf, "nothing", text, sizeof(text)), -ENOENT);
	sysfs_put("sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0/vendor", "0x80zz\n");
	assert_int_equal(pci_identify(&pf, &number, &number, &number), -EINVAL);
	sysfs_drop("sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0/iommu_group");
	assert_int_equal(pci_group(&pf, &group), -ENOENT);
}

static void a_groups_members_are_listed(void **state)
{
	struct pci_address members[8];

	(void)state;
	sysfs_make("D");
	assert_int_equal(pci_group_members(5, members, 8), 4);
	assert_string_equal(members[0].name, "0000:00:05.0");
	assert_string_equal(members[1].name, "0000:01:00.0");
	assert_string_equal(members[2].name, "0000:01:10.0");
	assert_string_equal(members[3].name, "0000:01:10.2");
	assert_int_equal(pci_group_members(5, members, 2), 4);
	assert_int_equal(pci_group_members(10, members, 8), 1);
	assert_string_equal(members[0].name, "0000:81:10.0");
	assert_int_equal(pci_group_members(99, members, 8), -ENOENT);
}

static void a_vf_is_found_both_ways(void **state)
{
	struct pci_address found;
	unsigned int index;

	(void)state;
	sysfs_make("A");
	assert_int_equal(pci_vf(&pf, 1, &found), 0);
	assert_true(pci_is(&found, &vf1));
	assert_int_equal(pci_pf(&vf1, &found, &index), 0);
	assert_true(pci_is(&found, &pf));
	assert_int_equal(index, 1);
	assert_int_equal(pci_vf(&pf, 4, &found), -ENOENT);
	assert_int_equal(pci_vf(&gone, 0, &found), -ENODEV);
	assert_int_equal(pci_pf(&pf, &found, &index), -ENOENT);
	/* the two links do not agree: a VF that was made anew meanwhile */
	sysfs_link("sys/devices/pci0000:00/0000:00:03.0/0000:01:10.2/physfn", "../0000:81:00.0");
	assert_int_equal(pci_vf(&pf, 1, &found), -ESTALE);
	assert_int_equal(pci_pf(&vf1, &found, &index), -ESTALE);
	/* the VF has gone between two looks */
	sysfs_drop("sys/devices/pci0000:00/0000:00:03.0/0000:01:10.0");
	sysfs_drop("sys/bus/pci/devices/0000:01:10.0");
	assert_int_equal(pci_vf(&pf, 0, &found), -ESTALE);
	assert_int_equal(pci_pf(&vf0, &found, &index), -ENODEV);
}

static void a_netdev_leads_to_its_device(void **state)
{
	struct pci_address found;

	(void)state;
	sysfs_make("A");
	assert_int_equal(pci_of_netdev("enp1s0", &found), 0);
	assert_true(pci_is(&found, &pf));
	assert_int_equal(pci_of_netdev("enp1s0v1", &found), 0);
	assert_true(pci_is(&found, &vf1));
	assert_int_equal(pci_of_netdev("enp9s0", &found), -ENOENT);
	assert_int_equal(pci_of_netdev("../net/enp1s0", &found), -ENOENT);
	sysfs_put("sys/devices/virtual/net/lo/address", "00:00:00:00:00:00\n");
	assert_int_equal(pci_of_netdev("lo", &found), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_are_checked),
	        cmocka_unit_test_teardown(a_device_is_described, remove_tree),
	        cmocka_unit_test_teardown(the_states_are_told_apart, remove_tree),
	        cmocka_unit_test_teardown(what_is_not_there_is_said, remove_tree),
	        cmocka_unit_test_teardown(a_groups_members_are_listed, remove_tree),
	        cmocka_unit_test_teardown(a_vf_is_found_both_ways, remove_tree),
	        cmocka_unit_test_teardown(a_netdev_leads_to_its_device, remove_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
