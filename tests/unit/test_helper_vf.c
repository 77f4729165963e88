/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/pci_address.o */
/* links: helper/network/vf.o helper/network/vf_lease.o helper/network/vf_choose.o helper/network/vf_release.o */
/* links: helper/network/vf_link.o helper/network/rtnl.o helper/network/sriov.o helper/network/network.o */
/* links: helper/lease.o helper/lease_release.o */
/* links: tests/unit/vf_adapter.o helper/topology.o helper/list.o common/range.o */
/* links: helper/record.o helper/journal.o helper/vfio.o helper/pci.o helper/bounded.o helper/harden.o helper/fs.o */
/* links: helper/failure.o helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o */
/* links: helper/cgroup_kill.o common/kv.o common/str.o common/log.o common/mac.o common/sha256.o tests/unit/sysfs.o */
/* libs: -lmnl -Wl,--wrap=vf_link_read,--wrap=vf_link_write,--wrap=vf_link_addressed,--wrap=lease_folder */
/* libs: -Wl,--wrap=record_open,--wrap=controller_drain,--wrap=state_mark,--wrap=record_save,--wrap=lease_each */
/* libs: -Wl,--wrap=bounded_read,--wrap=bounded_do */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/bounded.h"
#include "helper/journal.h"
#include "helper/network/network.h"
#include "helper/network/vf_choose.h"
#include "helper/network/vf_release.h"
#include "helper/vfio.h"
#include "tests/unit/sysfs.h"
#include "tests/unit/vf_adapter.h"

#define PF "sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0"
#define VF0 "sys/devices/pci0000:00/0000:00:03.0/0000:01:10.0"
#define VF1 "sys/devices/pci0000:00/0000:00:03.0/0000:01:10.2"

static const struct pci_address pf = {"0000:01:00.0"}, vf0 = {"0000:01:10.0"};
static const uint64_t mac = UINT64_C(0x020000001001), other_mac = UINT64_C(0x020000001002);
static const struct vf_nodes any = {.any = true};
static const struct vf_addressed nothing_addressed;
static struct config_network network;
static struct failure why;
static int folder = -1;

/* Who reads a path with hung in it waits until then; times are divided by hurry. */
static const char *hung;
static uint64_t answers_at;
static unsigned int hurry = 1;

static void begin(const char *state)
{
	sysfs_make(state);
	folder = vf_adapter_begin();
	why = (struct failure){0};
	network = (struct config_network){
	        .name = "fast", .type = "sriov", .pfs = {"enp1s0"}, .pf_count = 1, .spoofchk = true};
}

static int end(void **state)
{
	(void)state;
	hung = NULL;
	hurry = 1;
	vf_adapter_end();
	sysfs_remove();
	return 0;
}

static void expect_why(const char *text)
{
	if (!strstr(why.message, text))
		fail_msg("'%s' does not say '%s'", why.message, text);
}

static void expect_driver(const char *driver)
{
	char is[PCI_NAME_SIZE], override[PCI_NAME_SIZE];

	assert_int_equal(pci_driver(&vf0, is), 0);
	assert_string_equal(is, driver);
	assert_int_equal(pci_override(&vf0, override), 0);
	assert_string_equal(override, strcmp(driver, "vfio-pci") == 0 ? driver : "");
}

static void an_adapter_is_found_by_name_and_by_address(void **state)
{
	struct vf_pf found;

	(void)state;
	begin("A");
	assert_int_equal(vf_pf_find("enp1s0", &found, &why), 0);
	assert_string_equal(found.pci.name, pf.name);
	assert_int_equal(found.ifindex, 2);
	assert_true(vf_pf_is_up(&found));
	assert_int_equal(vf_pf_find("0000:01:00.0", &found, &why), 0);
	assert_string_equal(found.netdev, "enp1s0");
	assert_int_equal(vf_pf_find("ens9", &found, &why), -ENODEV);
	expect_why("the adapter ens9 is not there");
	assert_int_equal(vf_pf_find("0000:02:00.0", &found, &why), -ENODEV);
	sysfs_put(PF "/net/enp1s0/flags", "0x1002\n");
	assert_int_equal(vf_pf_find("enp1s0", &found, &why), 0);
	assert_false(vf_pf_is_up(&found));
	sysfs_drop(PF "/driver");
	assert_int_equal(vf_pf_find("enp1s0", &found, &why), -ENODEV);
	expect_why("has no driver");
}

static void a_vf_is_pf_and_index(void **state)
{
	struct vf vf;

	(void)state;
	begin("A");
	assert_int_equal(vf_find(&pf, 1, &vf), 0);
	assert_string_equal(vf.pci.name, "0000:01:10.2");
	assert_int_equal(vf_find(&pf, 4, &vf), -ENOENT);
	assert_int_equal(vf_find(&pf, VF_MAX, &vf), -ENOENT);
	sysfs_link(VF1 "/physfn", "../0000:00:05.0");
	assert_int_equal(vf_find(&pf, 1, &vf), -ESTALE);
}

static bool is_free(unsigned int index, const struct vf_addressed *addressed)
{
	char text[VF_WHY_MAX] = "";
	struct vf vf;
	bool free;

	assert_int_equal(vf_find(&pf, index, &vf), 0);
	free = vf_is_free(&vf, addressed, text);
	(void)failure_set(&why, EXIT_NODE, "%s", text);
	return free;
}

static void what_the_host_uses_is_not_free(void **state)
{
	const struct vf_addressed addressed = {.count = 1, .ifindex = {4}};

	(void)state;
	begin("A");
	assert_true(is_free(0, &nothing_addressed));
	assert_false(is_free(1, &addressed));
	expect_why("enp1s0v1 has an address");
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1003\n");
	assert_false(is_free(0, &nothing_addressed));
	expect_why("enp1s0v0 is up");
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1002\n");
	sysfs_link(VF0 "/net/enp1s0v0/upper_br0", "../../br0");
	assert_false(is_free(0, &nothing_addressed));
	expect_why("below br0");
	sysfs_drop(VF0 "/net/enp1s0v0");
	assert_false(is_free(0, &nothing_addressed));
	expect_why("a container");
	sysfs_put(VF1 "/driver_override", "uio_pci_generic\n");
	assert_false(is_free(1, &nothing_addressed));
	expect_why("uio_pci_generic");
}

static void what_vfio_has_without_a_lease_is_not_free(void **state)
{
	(void)state;
	begin("B");
	assert_false(is_free(0, &nothing_addressed));
	expect_why("vfio-pci, and by no job");
	assert_true(is_free(1, &nothing_addressed));
}

static void a_vf_without_driver_is_free(void **state)
{
	(void)state;
	begin("C");
	assert_true(is_free(0, &nothing_addressed));
	assert_true(is_free(1, &nothing_addressed));
}

static void a_shared_group_is_refused(void **state)
{
	struct vf vf;
	static const struct pci_address far = {"0000:81:00.0"};

	(void)state;
	begin("D");
	assert_false(is_free(0, &nothing_addressed));
	expect_why("0000:01:00.0");
	assert_int_equal(vf_find(&pf, 0, &vf), 0);
	assert_int_equal(vf_numa_node(&vf), VF_NODE_UNKNOWN);
	assert_int_equal(vf_find(&far, 0, &vf), 0);
	assert_int_equal(vf_numa_node(&vf), 1);
}

static struct vf_lease a_lease(unsigned int index, uint64_t address, const char *token)
{
	struct vf_lease lease = {.base = {.owner = {.node = "cn1", .job = 7}, .phase = LEASE_PROGRAMMING},
	                         .network = "fast",
	                         .driver = "igbvf"};

	assert_int_equal(vf_find(&pf, index, &lease.vf), 0);
	vf_lease_name(&pf, index, lease.base.name);
	lease.mac = address;
	(void)snprintf(lease.base.token, sizeof(lease.base.token), "%032d", atoi(token));
	assert_int_equal(record_boot_id(lease.base.boot), 0);
	lease.original = vf_adapter.table.vfs[index];
	return lease;
}

static void a_lease_is_kept(void **state)
{
	struct vf_lease lease, read;

	(void)state;
	begin("A");
	lease = a_lease(1, mac, "5");
	lease.original = (struct vf_attributes){UINT64_C(0x020304050607), 99, 0x88a8, 3, -1, 1, 10, 20, 2};
	(void)strcpy(lease.base.reason, "because");
	lease.base.drained = true;
	memset(lease.driver, 0, sizeof(lease.driver));
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 1, &read), 0);
	assert_memory_equal(&lease, &read, sizeof(lease));
	assert_int_equal(vf_lease_load(folder, &pf, 0, &read), -ENOENT);
	assert_int_equal(lease_remove(folder, lease.base.name), 0);
	assert_int_equal(lease_remove(folder, lease.base.name), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 1, &read), -ENOENT);
}

/* However much of it is there, it is no lease; and nobody gets the VF. */
static void a_torn_lease_is_nobodys(void **state)
{
	struct vf_lease lease, read;
	struct stat st;

	(void)state;
	begin("A");
	lease = a_lease(0, mac, "5");
	assert_int_equal(vf_lease_save(folder, &lease, false), 0);
	assert_int_equal(fstatat(folder, "0000:01:00.0.0", &st, 0), 0);
	for (off_t size = st.st_size - 2; size >= 0; size -= 3) {
		int fd = openat(folder, "0000:01:00.0.0", O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, size), 0);
		close(fd);
		assert_int_equal(vf_lease_load(folder, &pf, 0, &read), -EINVAL);
	}
	assert_int_equal(vf_choose(folder, &network, &any, other_mac, NULL, &read, &why), 0);
	assert_int_equal(read.vf.index, 1);
	assert_int_equal(lease_reconcile(&vf_lease_kind, true, 1000), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &read), -EINVAL);
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), -EIO);
	expect_why("torn");
}

static int count(void *context, const struct pci_address *address, unsigned int index, const struct vf_lease *lease)
{
	(void)index;
	assert_string_equal(address->name, pf.name);
	assert_non_null(lease);
	++*(int *)context;
	return 0;
}

static void only_leases_are_listed(void **state)
{
	static const char *const others[] = {"lock", "0000:01:00.0.1.lock", "0000:01:00.0.1.new", "0000:01:00.0",
	                                     "x.1"};
	struct vf_lease lease;
	int found = 0, lock;

	(void)state;
	begin("A");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		close(openat(folder, others[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	lease = a_lease(3, mac, "5");
	assert_int_equal(vf_lease_save(folder, &lease, false), 0);
	assert_int_equal(vf_lease_each(folder, count, &found), 0);
	assert_int_equal(found, 1);
	lock = vf_lease_lock_vf(folder, &pf, 3, 0);
	assert_true(lock >= 0);
	assert_int_equal(vf_lease_lock_vf(folder, &pf, 3, 20), -EBUSY);
	close(lock);
}

static void choose_and_save(const char *token, uint8_t last, unsigned int expected)
{
	uint64_t address = UINT64_C(0x020000010000) | last;
	struct vf_lease lease = {0};

	assert_int_equal(vf_choose(folder, &network, &any, address, NULL, &lease, &why), 0);
	assert_int_equal(lease.vf.index, expected);
	assert_string_equal(lease.driver, "igbvf");
	lease = a_lease(expected, address, token);
	assert_int_equal(vf_lease_save(folder, &lease, false), 0);
}

static bool is_listed = true;

int __real_lease_each(int in, lease_call *call, void *context);
int __wrap_lease_each(int in, lease_call *call, void *context);

int __wrap_lease_each(int in, lease_call *call, void *context)
{
	return is_listed ? __real_lease_each(in, call, context) : 0;
}

/* A folder that is being written to need not list all that it has (btrfs). */
static void a_lease_that_is_not_listed_is_one(void **state)
{
	struct vf_lease lease = {0};

	(void)state;
	begin("A");
	lease = a_lease(0, mac, "5");
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	is_listed = false;
	assert_int_equal(vf_choose(folder, &network, &any, other_mac, NULL, &lease, &why), 0);
	is_listed = true;
	assert_int_equal(lease.vf.index, 1);
}

static void each_job_gets_another_vf(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	sysfs_put(VF1 "/net/enp1s0v1/flags", "0x1003\n");
	choose_and_save("1", 1, 0);
	choose_and_save("2", 2, 2);
	choose_and_save("3", 3, 3);
	assert_int_equal(vf_lease_load(folder, &pf, 3, &lease), 0);
	assert_int_equal(vf_lease_set_phase(folder, &lease, LEASE_QUARANTINED), 0);
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	expect_why("jobs have 2, 1 are quarantined");
	expect_why("VF 1 of enp1s0: the host uses it");
}

static void a_mac_is_had_once(void **state)
{
	const uint64_t none = 0, multicast = UINT64_C(0x01005e000001);
	struct vf_lease lease;

	(void)state;
	begin("A");
	assert_int_equal(vf_choose(folder, &network, &any, none, NULL, &lease, &why), -EIO);
	assert_int_equal(vf_choose(folder, &network, &any, multicast, NULL, &lease, &why), -EIO);
	assert_int_equal(vf_choose(folder, &network, &any, vf_adapter.table.pf_mac, NULL, &lease, &why), -EIO);
	expect_why("has the machine's MAC address");
	vf_adapter.table.vfs[2].mac = mac;
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), 0);
	assert_int_equal(lease.vf.index, 2);
	lease = a_lease(3, other_mac, "9");
	assert_int_equal(vf_lease_save(folder, &lease, false), 0);
	assert_int_equal(vf_choose(folder, &network, &any, other_mac, NULL, &lease, &why), -EIO);
	expect_why("another job's VF");
	assert_int_equal(vf_choose(folder, &network, &any, other_mac, lease.base.token, &lease, &why), 0);
}

static void a_pf_that_is_down_has_no_vf_for_jobs(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	sysfs_put(PF "/net/enp1s0/flags", "0x1002\n");
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), -EIO);
	expect_why("the adapter enp1s0 is down");
}

static int take_mac(void *context, uint64_t number)
{
	*(uint64_t *)context = number;
	return 0;
}

int __real_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms);
int __wrap_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms);

int __wrap_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms)
{
	return __real_bounded_do(work, context, size, ms / hurry);
}

int __real_bounded_read(const char *path, char *buffer, size_t size, unsigned int ms);
int __wrap_bounded_read(const char *path, char *buffer, size_t size, unsigned int ms);

static int wait_for_answer(const void *context)
{
	(void)context;
	while (clock_steady() < answers_at)
		clock_nap(10);
	return 0;
}

int __wrap_bounded_read(const char *path, char *buffer, size_t size, unsigned int ms)
{
	int rc = hung && strstr(path, hung) ? bounded_run(wait_for_answer, NULL, ms / hurry) : 0;

	return rc == 0 ? __real_bounded_read(path, buffer, size, ms) : rc;
}

/* Somebody waits in the driver, and the kernel keeps the device's lock for him. */
static void a_vf_that_hangs_is_passed_over(void **state)
{
	uint64_t begun = clock_steady();
	struct vf_lease lease;

	(void)state;
	begin("A");
	hung = "0000:01:10.0/driver_override";
	answers_at = UINT64_MAX;
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), 0);
	assert_int_equal(lease.vf.index, 1);
	assert_true(clock_steady() - begun < 5000);
	/* `wnodes check` names it, and waits for no other */
	hurry = 5;
	assert_int_equal(network_sriov.check(NULL, &network, &why), -EIO);
	expect_why("driver_override: the kernel does not answer");
}

/* All others being the host's. */
static void a_vf_that_answers_late_comes_last(void **state)
{
	struct vf_lease lease;
	char path[64];

	(void)state;
	begin("A");
	for (unsigned int i = 1; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "sys/class/net/enp1s0v%u/flags", i);
		sysfs_put(path, "0x1003\n");
	}
	hung = "0000:01:10.0/driver_override";
	answers_at = clock_steady() + 2000;
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), 0);
	assert_int_equal(lease.vf.index, 0);
	answers_at = UINT64_MAX;
	hurry = 5;
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	expect_why("no VF is free: jobs have 0, 0 are quarantined, 0 on other NUMA nodes; VF 0 of enp1s0: the kernel "
	           "does not answer");
}

static void the_macs_of_leases_are_known(void **state)
{
	struct vf_lease lease;
	uint64_t found = 0;

	(void)state;
	begin("A");
	lease = a_lease(3, mac, "5");
	lease.base.phase = LEASE_QUARANTINED;
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	assert_int_equal(vf_lease_macs(take_mac, &found), 0);
	assert_true(found == mac);
	close(openat(folder, "0000:01:00.0.2", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	found = 0;
	assert_int_equal(vf_lease_macs(take_mac, &found), 0);
	assert_true(found == mac);
}

static void a_vf_is_on_the_jobs_node(void **state)
{
	const struct vf_nodes zero = {.count = 1, .nodes = {0}}, one = {.count = 2, .nodes = {3, 1}};
	struct vf_lease lease;

	(void)state;
	begin("D");
	/* the other adapter's VFs share its group */
	sysfs_put("sys/devices/pci0000:00/0000:00:05.0/0000:01:00.0/net/enp1s0/flags", "0x1003\n");
	(void)strcpy(network.pfs[1], "0000:81:00.0");
	(void)strcpy(network.pfs[2], "ens1");
	network.pf_count = 3;
	assert_int_equal(vf_choose(folder, &network, &one, mac, NULL, &lease, &why), 0);
	assert_string_equal(lease.vf.pci.name, "0000:81:10.0");
	assert_int_equal(vf_choose(folder, &network, &zero, mac, NULL, &lease, &why), -ENOENT);
	expect_why("4 on other NUMA nodes");
	assert_int_equal(vf_choose(folder, &network, &any, mac, NULL, &lease, &why), 0);
	assert_string_equal(lease.vf.pci.name, "0000:81:10.0");
}

/* A VF as a machine had it. */
static struct vf_lease a_machines(void)
{
	struct vf_lease lease = a_lease(0, mac, "5");
	unsigned int group;

	sysfs_start_kernel();
	assert_int_equal(vfio_bind(&vf0, &group, &why), 0);
	expect_driver("vfio-pci");
	vf_adapter.table.vfs[0].mac = mac;
	vf_adapter.table.vfs[0].vlan = 100;
	vf_adapter.table.vfs[0].trust = 1;
	lease.base.phase = LEASE_READY;
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	return lease;
}

static void expect_free(const struct vf_lease *lease)
{
	struct vf_lease left;

	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -ENOENT);
	expect_driver("igbvf");
	assert_true(vf_link_is(&vf_adapter.table.vfs[0], &lease->original));
	assert_int_equal(vf_adapter.drains, 0);
}

static void a_vf_comes_back_as_it_was(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_machines();
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_free(&lease);
	assert_string_equal(sysfs_get(VF0 "/reset"), "1");
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
}

static void unbind(void)
{
	char path[PATH_MAX], driver[PCI_NAME_SIZE] = "igbvf";

	assert_int_equal(pci_path(path, "sys/bus/pci/drivers/igbvf/unbind"), 0);
	assert_int_equal(bounded_write(path, vf0.name, 1000), 0);
	for (unsigned int i = 0; driver[0] && i < 1000; i++) {
		clock_nap(1);
		assert_int_equal(pci_driver(&vf0, driver), 0);
	}
	assert_string_equal(driver, "");
}

/* Whoever was programming it was killed, here or there. */
static void a_half_made_vf_comes_back(void **state)
{
	struct vf_lease lease;

	(void)state;
	for (unsigned int stage = 0; stage < 3; stage++) {
		begin("A");
		sysfs_start_kernel();
		lease = a_lease(0, mac, "5");
		assert_int_equal(vf_lease_save(folder, &lease, true), 0);
		vf_adapter.table.vfs[0].mac = mac;
		vf_adapter.table.vfs[0].vlan = 100;
		if (stage > 0)
			sysfs_put(VF0 "/driver_override", "vfio-pci\n");
		if (stage > 1)
			unbind();
		assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
		expect_free(&lease);
		(void)end(NULL);
	}
	begin("A");
}

static void a_late_release_leaves_the_next_jobs_vf_alone(void **state)
{
	struct vf_lease lease, left;

	(void)state;
	begin("A");
	lease = a_machines();
	assert_int_equal(vf_release(&pf, 0, "00000000000000000000000000000004", &why), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), 0);
	assert_memory_equal(&lease, &left, sizeof(lease));
	expect_driver("vfio-pci");
	assert_int_equal(vf_adapter.writes, 0);
}

static void an_untouched_vf_is_not_touched(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_lease(0, mac, "5");
	lease.base.phase = LEASE_LEASED;
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_free(&lease);
	assert_int_equal(vf_adapter.writes, 0);
}

static void a_lease_of_another_boot_is_void(void **state)
{
	struct vf_lease lease, left;

	(void)state;
	begin("A");
	lease = a_machines();
	(void)strcpy(lease.base.boot, "00000000-0000-0000-0000-000000000000");
	lease.base.phase = LEASE_QUARANTINED;
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	vf_adapter.record = -EIO;
	assert_int_equal(lease_reconcile(&vf_lease_kind, false, 1000), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -ENOENT);
	assert_int_equal(vf_adapter.writes, 0);
	expect_driver("vfio-pci");
}

/* A power cut tore it: neither destroy nor the next job stumbles over it. */
static void a_torn_lease_of_another_boot_is_void(void **state)
{
	struct vf_lease lease, left;
	char line[80];

	(void)state;
	begin("A");
	lease = a_machines();
	(void)snprintf(line, sizeof(line), "%s 0 %s", pf.name, lease.base.token);
	close(openat(folder, lease.base.name, O_WRONLY | O_TRUNC | O_CLOEXEC));
	assert_int_equal(network_sriov.remove(line, false), -EIO);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -EINVAL);
	assert_int_equal(network_sriov.remove(line, true), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -ENOENT);
	/* another job's, of this boot */
	(void)memset(lease.base.token, '7', LEASE_TOKEN_SIZE - 1);
	assert_int_equal(vf_lease_save(folder, &lease, true), 0);
	assert_int_equal(network_sriov.remove(line, true), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), 0);
	assert_int_equal(vf_adapter.writes, 0);
}

static void a_full_disk_keeps_no_vf(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_machines();
	/* where a lease is written before it takes its name */
	assert_int_equal(mkdirat(folder, "0000:01:00.0.0.new", 0700), 0);
	assert_int_equal(vf_lease_set_phase(folder, &lease, LEASE_READY), -EEXIST);
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_free(&lease);
	assert_int_equal(unlinkat(folder, "0000:01:00.0.0.new", AT_REMOVEDIR), 0);
}

static void a_vf_that_vanished_is_nobodys(void **state)
{
	struct vf_lease lease, left;

	(void)state;
	begin("A");
	lease = a_machines();
	sysfs_drop(PF "/virtfn0");
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -ENOENT);
	assert_int_equal(vf_adapter.drains, 0);
}

static void vanish(void)
{
	sysfs_drop(PF "/virtfn0");
	sysfs_drop("sys/bus/pci/devices/0000:01:10.0");
	vf_adapter.table.known[0] = false;
}

/* Between what says that it is there and what is done with it. */
static void a_vf_that_vanishes_on_the_way_is_nobodys(void **state)
{
	struct vf_lease lease, left;

	(void)state;
	begin("A");
	lease = a_machines();
	vf_adapter.before_write = vanish;
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), -ENOENT);
	assert_int_equal(vf_adapter.drains, 0);
}

static void expect_quarantine(const char *reason)
{
	struct vf_lease lease;

	assert_int_equal(vf_lease_load(folder, &pf, 0, &lease), 0);
	assert_int_equal(lease.base.phase, LEASE_QUARANTINED);
	if (!strstr(lease.base.reason, reason) || !strstr(vf_adapter.drained_for, reason))
		fail_msg("'%s' and '%s' do not say '%s'", lease.base.reason, vf_adapter.drained_for, reason);
	assert_int_equal(vf_adapter.drains, 1);
	assert_int_equal(vf_choose(folder, &network, &any, other_mac, NULL, &lease, &why), 0);
	assert_int_equal(lease.vf.index, 1);
}

static void what_cannot_be_restored_is_quarantined(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_machines();
	vf_adapter.fail = -EBUSY;
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_quarantine("cannot be set");
	/* its VLAN is still the machine's: no driver of the host's has it */
	expect_driver("vfio-pci");
	/* told once; not tried again but by an administrator's sweep */
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	assert_int_equal(lease_reconcile(&vf_lease_kind, false, 1000), 0);
	expect_quarantine("cannot be set");
	vf_adapter.fail = 0;
	vf_adapter.drains = 0;
	assert_int_equal(lease_reconcile(&vf_lease_kind, true, 1000), 0);
	expect_free(&lease);
}

static void a_write_that_blocks_ends_in_quarantine(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_machines();
	sysfs_block(VF0 "/reset");
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_quarantine("its reset");
}

static void until_slurm_knows_the_release_fails(void **state)
{
	struct vf_lease lease;

	(void)state;
	begin("A");
	lease = a_machines();
	vf_adapter.fail = -EIO;
	vf_adapter.drain = -EIO;
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), -EIO);
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), -EIO);
	vf_adapter.drain = 0;
	assert_int_equal(vf_release(&pf, 0, lease.base.token, &why), 0);
	expect_quarantine("cannot be set");
}

static void what_no_record_knows_is_given_back(void **state)
{
	struct vf_lease lease, left;
	char line[80];

	(void)state;
	begin("A");
	lease = a_machines();
	(void)snprintf(line, sizeof(line), "%s 0 %s", pf.name, lease.base.token);
	assert_int_equal(journal_append(vf_adapter.records, "vf", line), 0);
	vf_adapter.record = 0;
	assert_int_equal(lease_reconcile(&vf_lease_kind, true, 1000), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), 0);
	vf_adapter.record = -EACCES;
	assert_int_equal(lease_reconcile(&vf_lease_kind, true, 1000), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), 0);
	vf_adapter.record = -ENOENT;
	assert_int_equal(lease_reconcile(&vf_lease_kind, false, 0), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 0, &left), 0);
	assert_int_equal(lease_reconcile(&vf_lease_kind, false, 1000), 0);
	expect_free(&lease);
}

/* Whatever the leases of others say, the machine's MAC is its own. */
static void a_second_job_has_another_vf(void **state)
{
	struct record record = {.id = {.node = "cn1", .job = 8}, .dirfd = -1, .lock = -1};
	struct network_request request = {.network = &network, .record = &record};
	struct vf_lease lease;

	(void)state;
	begin("A");
	(void)a_machines();
	record.dirfd = vf_adapter.records;
	assert_int_equal(kv_set(&record.kv, "network.0.mac", "02:00:00:00:10:02"), 0);
	assert_int_equal(network_sriov.lease(&request, &why), 0);
	assert_int_equal(vf_lease_load(folder, &pf, 1, &lease), 0);
	assert_true(lease.mac == other_mac);
	kv_free(&record.kv);
}

/* The whole life, as prepare, start and destroy have it. */
static void a_job_has_a_vf(void **state)
{
	struct record record = {.id = {.node = "cn1", .job = 7}, .dirfd = -1, .lock = -1};
	struct network_request request = {.network = &network, .record = &record};
	struct vf_attributes was, wanted = {mac, 100, 0x8100, 0, 1, 0, 0, 250, 0};
	struct kv machine = {0};
	char line[80];

	(void)state;
	begin("A");
	network.max_tx_rate = 250;
	was = vf_adapter.table.vfs[0];
	vf_adapter.table.vfs[0].spoofchk = was.spoofchk = 0;
	vf_adapter.table.vfs[0].trust = was.trust = 1;
	sysfs_start_kernel();
	record.dirfd = vf_adapter.records;
	assert_int_equal(kv_set(&record.kv, "network.0.mac", "02:00:00:00:10:01"), 0);
	assert_int_equal(kv_set(&record.kv, "network.0.vlan", "100"), 0);
	assert_int_equal(kv_set(&record.kv, "cpuset", "0"), 0);
	assert_int_equal(network_sriov.lease(&request, &why), 0);
	assert_true(vf_link_is(&vf_adapter.table.vfs[0], &was));
	expect_driver("igbvf");
	assert_int_equal(network_sriov.make(&request, &machine, &why), 0);
	assert_true(vf_link_is(&vf_adapter.table.vfs[0], &wanted));
	expect_driver("vfio-pci");
	assert_string_equal(kv_get(&machine, "network.0.pci"), "0000:01:10.0");
	assert_string_equal(kv_get(&machine, "vfio"), "8");
	assert_non_null(kv_get(&record.kv, "vf_ms"));
	assert_non_null(kv_get(&record.kv, "vf_ms.lease"));
	assert_non_null(kv_get(&record.kv, "vf_ms.set"));
	assert_non_null(kv_get(&record.kv, "vf_ms.bind"));
	/* a second start of it has none */
	assert_int_equal(network_sriov.make(&request, &machine, &why), -EIO);
	(void)snprintf(line, sizeof(line), "%s", kv_get(&record.kv, "vf.0"));
	assert_string_equal(kv_get(&record.kv, "network.0.vf"), "0000:01:00.0 0");
	assert_int_equal(network_sriov.remove(line, false), 0);
	expect_driver("igbvf");
	assert_true(vf_link_is(&vf_adapter.table.vfs[0], &was));
	assert_int_equal(network_sriov.remove(line, false), 0);
	assert_int_equal(network_sriov.remove("0000:01:00.0 0 x", false), -EINVAL);
	kv_free(&machine);
	kv_free(&record.kv);
}

static void strict_is_strict(void **state)
{
	struct record record = {.id = {.node = "cn1", .job = 7}, .dirfd = -1, .lock = -1};
	struct network_request request = {.network = &network, .record = &record};
	struct kv machine = {0};

	(void)state;
	begin("D");
	sysfs_start_kernel();
	(void)strcpy(network.pfs[0], "ens1");
	network.numa = NETWORK_NUMA_STRICT;
	record.dirfd = vf_adapter.records;
	assert_int_equal(kv_set(&record.kv, "network.0.mac", "02:00:00:00:10:01"), 0);
	assert_int_equal(kv_set(&record.kv, "cpuset", "0"), 0);
	assert_int_equal(network_sriov.lease(&request, &why), 0);
	assert_int_equal(network_sriov.make(&request, &machine, &why), -EIO);
	expect_why("on the NUMA nodes of the job's CPUs");
	network.numa = NETWORK_NUMA_PREFER;
	network.spoofchk = false;
	network.trust = true;
	assert_int_equal(network_sriov.make(&request, &machine, &why), 0);
	assert_int_equal(vf_adapter.table.vfs[0].spoofchk, 0);
	assert_int_equal(vf_adapter.table.vfs[0].trust, 1);
	assert_string_equal(kv_get(&machine, "network.0.pci"), "0000:81:10.0");
	kv_free(&machine);
	kv_free(&record.kv);
}

/* Between the prolog and the start. */
static void what_has_changed_since_the_lease_is_seen(void **state)
{
	struct record record = {.id = {.node = "cn1", .job = 7}, .dirfd = -1, .lock = -1};
	struct network_request request = {.network = &network, .record = &record};
	struct kv machine = {0};

	(void)state;
	begin("A");
	sysfs_start_kernel();
	record.dirfd = vf_adapter.records;
	assert_int_equal(kv_set(&record.kv, "network.0.mac", "02:00:00:00:10:01"), 0);
	assert_int_equal(network_sriov.lease(&request, &why), 0);
	sysfs_put(PF "/net/enp1s0/flags", "0x1002\n");
	assert_int_equal(network_sriov.make(&request, &machine, &why), -EIO);
	expect_why("the adapter enp1s0 is down");
	sysfs_put(PF "/net/enp1s0/flags", "0x1003\n");
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1003\n");
	assert_int_equal(network_sriov.make(&request, &machine, &why), -EIO);
	expect_why("VF 0 of enp1s0: the host uses it: its netdev enp1s0v0 is up");
	assert_int_equal(vf_adapter.writes, 0);
	expect_driver("igbvf");
	/* nothing was done to it, so it can still be had */
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1002\n");
	assert_int_equal(network_sriov.make(&request, &machine, &why), 0);
	expect_driver("vfio-pci");
	kv_free(&machine);
	kv_free(&record.kv);
}

/* What `wnodes check` says. */
static void an_adapter_is_checked(void **state)
{
	(void)state;
	begin("A");
	assert_int_equal(network_sriov.check(NULL, &network, &why), 0);
	/* the host may keep a VF to itself */
	sysfs_put(VF0 "/driver_override", "uio_pci_generic\n");
	assert_int_equal(network_sriov.check(NULL, &network, &why), 0);
	sysfs_put(PF "/net/enp1s0/flags", "0x1002\n");
	assert_int_equal(network_sriov.check(NULL, &network, &why), -EIO);
	expect_why("the adapter enp1s0 is down (ip link set enp1s0 up)");
	sysfs_put(PF "/net/enp1s0/flags", "0x1003\n");
	for (unsigned int i = 0; i < 4; i++) {
		char link[96];

		(void)snprintf(link, sizeof(link), PF "/virtfn%u", i);
		sysfs_drop(link);
	}
	assert_int_equal(network_sriov.check(NULL, &network, &why), -EIO);
	expect_why("the adapter enp1s0 has no VFs (sriov_numvfs)");
	(void)end(state);
	begin("D");
	sysfs_put("sys/class/net/enp1s0/flags", "0x1003\n");
	assert_int_equal(network_sriov.check(NULL, &network, &why), -EIO);
	expect_why("the adapter enp1s0: PCI device 0000:01:10.0: its IOMMU group");
	(void)strcpy(network.pfs[0], "ens1");
	assert_int_equal(network_sriov.check(NULL, &network, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(an_adapter_is_found_by_name_and_by_address, end),
	        cmocka_unit_test_teardown(a_vf_is_pf_and_index, end),
	        cmocka_unit_test_teardown(what_the_host_uses_is_not_free, end),
	        cmocka_unit_test_teardown(what_vfio_has_without_a_lease_is_not_free, end),
	        cmocka_unit_test_teardown(a_vf_without_driver_is_free, end),
	        cmocka_unit_test_teardown(a_shared_group_is_refused, end),
	        cmocka_unit_test_teardown(a_lease_is_kept, end),
	        cmocka_unit_test_teardown(a_torn_lease_is_nobodys, end),
	        cmocka_unit_test_teardown(only_leases_are_listed, end),
	        cmocka_unit_test_teardown(a_lease_that_is_not_listed_is_one, end),
	        cmocka_unit_test_teardown(each_job_gets_another_vf, end),
	        cmocka_unit_test_teardown(a_mac_is_had_once, end),
	        cmocka_unit_test_teardown(a_pf_that_is_down_has_no_vf_for_jobs, end),
	        cmocka_unit_test_teardown(a_vf_that_hangs_is_passed_over, end),
	        cmocka_unit_test_teardown(a_vf_that_answers_late_comes_last, end),
	        cmocka_unit_test_teardown(the_macs_of_leases_are_known, end),
	        cmocka_unit_test_teardown(a_vf_is_on_the_jobs_node, end),
	        cmocka_unit_test_teardown(a_vf_comes_back_as_it_was, end),
	        cmocka_unit_test_teardown(a_half_made_vf_comes_back, end),
	        cmocka_unit_test_teardown(a_late_release_leaves_the_next_jobs_vf_alone, end),
	        cmocka_unit_test_teardown(an_untouched_vf_is_not_touched, end),
	        cmocka_unit_test_teardown(a_lease_of_another_boot_is_void, end),
	        cmocka_unit_test_teardown(a_torn_lease_of_another_boot_is_void, end),
	        cmocka_unit_test_teardown(a_full_disk_keeps_no_vf, end),
	        cmocka_unit_test_teardown(a_vf_that_vanished_is_nobodys, end),
	        cmocka_unit_test_teardown(a_vf_that_vanishes_on_the_way_is_nobodys, end),
	        cmocka_unit_test_teardown(what_cannot_be_restored_is_quarantined, end),
	        cmocka_unit_test_teardown(a_write_that_blocks_ends_in_quarantine, end),
	        cmocka_unit_test_teardown(until_slurm_knows_the_release_fails, end),
	        cmocka_unit_test_teardown(what_no_record_knows_is_given_back, end),
	        cmocka_unit_test_teardown(a_second_job_has_another_vf, end),
	        cmocka_unit_test_teardown(a_job_has_a_vf, end),
	        cmocka_unit_test_teardown(strict_is_strict, end),
	        cmocka_unit_test_teardown(what_has_changed_since_the_lease_is_seen, end),
	        cmocka_unit_test_teardown(an_adapter_is_checked, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
