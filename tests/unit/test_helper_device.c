/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/device/device.o helper/device/restore.o helper/device/use.o helper/config_device.o helper/ini_file.o */
/* links: helper/list.o */
/* links: helper/lease.o helper/lease_release.o helper/controller.o helper/record.o helper/journal.o helper/state.o */
/* links: helper/vfio.o helper/pci.o helper/pci_address.o helper/bounded.o helper/harden.o helper/fs.o helper/child.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/failure.o common/kv.o common/range.o common/str.o common/log.o tests/unit/sysfs.o */
/* libs: -lslurm -linih -Wl,--wrap=controller_gres,--wrap=controller_drain,--wrap=lease_folder,--wrap=record_open */
/* libs: -Wl,--wrap=state_mark,--wrap=config_load */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/controller.h"
#include "helper/device/device.h"
#include "helper/fs.h"
#include "helper/journal.h"
#include "tests/unit/sysfs.h"

#define VF0 "sys/devices/pci0000:00/0000:00:03.0/0000:01:10.0"

/* What stands for slurmctld: the answer, or none; and what was asked of it. */
static const char *gres;
static char drained_for[FAILURE_TEXT];
static bool drain_fails;
static char folder_name[] = "/tmp/wnodes-device.XXXXXX", record_name[] = "/tmp/wnodes-record.XXXXXX";
static int folder = -1, record_folder = -1;
static struct failure why;
static struct config config;
static struct kv machine;

static const struct pci_address vf0 = {"0000:01:10.0"};

int __wrap_controller_gres(const char *node, uint32_t job, char *text, struct failure *failure);
int __wrap_controller_drain(const char *node, const char *reason, struct failure *failure);
int __wrap_lease_folder(const struct lease_kind *kind, bool create);
int __wrap_record_open(struct record *record, const struct record_id *id);
int __wrap_state_mark(const struct record *record, const char *event);
int __wrap_config_load(struct config *to, struct failure *failure);

int __wrap_controller_gres(const char *node, uint32_t job, char *text, struct failure *failure)
{
	assert_string_equal(node, "cn1");
	assert_int_equal(job, 7);
	if (!gres)
		return failure_set(failure, EXIT_NODE, "slurmctld does not answer");
	(void)snprintf(text, CONTROLLER_GRES_MAX, "%s", gres);
	return 0;
}

int __wrap_controller_drain(const char *node, const char *reason, struct failure *failure)
{
	assert_string_equal(node, "cn1");
	if (drain_fails)
		return failure_set(failure, EXIT_NODE, "the node cannot be drained");
	(void)snprintf(drained_for, sizeof(drained_for), "%s", reason);
	return 0;
}

int __wrap_lease_folder(const struct lease_kind *kind, bool create)
{
	(void)create;
	assert_string_equal(kind->folder, "device");
	return dup(folder);
}

/* No record is left. */
int __wrap_record_open(struct record *record, const struct record_id *id)
{
	(void)record;
	(void)id;
	return -ENOENT;
}

int __wrap_state_mark(const struct record *record, const char *event)
{
	(void)record;
	assert_string_equal(event, "devices");
	return 0;
}

int __wrap_config_load(struct config *to, struct failure *failure)
{
	(void)to;
	return failure_set(failure, EXIT_NODE, "there is no configuration");
}

static const char *section_taken(void *context, struct ini_file *file, const char *section)
{
	return config_device_section(section) ? config_device_begin(context, file, config_device_section(section))
	                                      : "unknown section";
}

static const char *key_taken(void *context, struct ini_file *file, const char *section, const char *key,
                             const char *value)
{
	(void)section;
	return config_device_take(context, file, key, value);
}

static int read_config(const char *text)
{
	FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int rc;

	memset(&config.pci_devices, 0, sizeof(config.pci_devices));
	why = (struct failure){0};
	rc = ini_file_read(stream, "conf", section_taken, key_taken, &config.pci_devices, &why);
	(void)fclose(stream);
	return rc == 0 ? config_device_check(&config.pci_devices, "conf", &why) : rc;
}

static void expect_why(const char *text)
{
	if (!strstr(why.message, text))
		fail_msg("'%s' does not say '%s'", why.message, text);
}

static void begin(const char *state)
{
	sysfs_make(state);
	sysfs_start_kernel();
	(void)strcpy(folder_name + sizeof(folder_name) - 7, "XXXXXX");
	(void)strcpy(record_name + sizeof(record_name) - 7, "XXXXXX");
	assert_non_null(mkdtemp(folder_name));
	assert_non_null(mkdtemp(record_name));
	folder = open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	record_folder = open(record_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	drained_for[0] = 0;
	drain_fails = false;
	gres = "gpu:1(IDX:0)";
	assert_int_equal(read_config("[device g]\ngres = gpu\ndevices = 0000:01:10.0, -, 0000:01:10.4\n"), 0);
}

static int end(void **state)
{
	(void)state;
	kv_free(&machine);
	close(folder);
	close(record_folder);
	(void)fs_remove_folder(AT_FDCWD, folder_name);
	(void)fs_remove_folder(AT_FDCWD, record_name);
	sysfs_remove();
	return 0;
}

static int make(void)
{
	struct record record = {.id = {.node = "cn1", .job = 7}, .dirfd = record_folder, .lock = -1};

	why = (struct failure){0};
	return devices_make(&config, &record, &machine, &why);
}

static void expect_driver(const char *driver)
{
	char is[PCI_NAME_SIZE];

	assert_int_equal(pci_driver(&vf0, is), 0);
	assert_string_equal(is, driver);
}

static struct lease load(void)
{
	struct lease lease;

	assert_int_equal(lease_load(folder, vf0.name, &lease, NULL), 0);
	return lease;
}

static void expect_no_lease(void)
{
	struct lease lease;

	assert_int_equal(lease_load(folder, vf0.name, &lease, NULL), -ENOENT);
}

static int remove_line(void *context, const char *kind, const char *argument)
{
	(void)context;
	assert_string_equal(kind, "device");
	return devices_remove(argument, false);
}

/* As destroy does. */
static int release(void)
{
	return journal_replay(record_folder, remove_line, NULL);
}

static void sections_are_read(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
	        {"[device g]\ngres = gpu:tesla\ndevices = 0000:01:10.0\n", "conf:2: gres: 'gpu:tesla'"},
	        {"[device g]\ngres = gpu\ndevices = 01:10.0\n", "conf:3: devices: '01:10.0'"},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.0,,\n", "conf:3: devices: "},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.0 0000:01:10.2\n", "conf:3: devices: "},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.0, 0000:01:10.0\n",
	         "conf:3: [device g]: 0000:01:10.0 is given twice"},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.a\n", "conf:3: devices: "},
	        {"[device g]\ngres = gpu\n", "conf:1: [device g] has no devices"},
	        {"[device g]\ndevices = 0000:01:10.0\n", "conf:1: [device g] has no gres"},
	        {"[device g]\nusers = a\n", "conf:2: unknown key 'users'"},
	        {"[device ../g]\n", "'../g' is not a device's name"},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.0\n[device h]\ngres = gpu\ndevices = 0000:01:10.2\n",
	         "conf:5: [device h]: GRES gpu is [device g]'s"},
	        {"[device g]\ngres = gpu\ndevices = 0000:01:10.0\n[device h]\ngres = nic\ndevices = 0000:01:10.0\n",
	         "conf:6: [device h]: 0000:01:10.0 is given twice; also in [device g]"},
	};

	(void)state;
	assert_int_equal(read_config("[device g]\ngres = gpu\ndevices = 0000:AB:10.0 , - ,0000:01:10.2\n"), 0);
	assert_int_equal(config.pci_devices.sections[0].count, 3);
	assert_string_equal(config.pci_devices.sections[0].pci[0].name, "0000:ab:10.0");
	assert_string_equal(config.pci_devices.sections[0].pci[1].name, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_config(wrong[i].text), -EIO);
		expect_why(wrong[i].says);
	}
}

static void what_slurm_says_is_read(void **state)
{
	static const char *const wrong[] = {
	        "gpu",           "gpu:1",          "gpu:1(IDX:0",   "gpu:1(IDX:0)x",  "gpu:1(IDX:a)",
	        "gpu:1(IDX:1-)", "gpu:1(IDX:2-1)", "gpu:1(IDX:-1)", "gpu:1(IDX:0;1)", "gpu:1(IDX:70000)"};
	unsigned int indices[8];

	(void)state;
	assert_int_equal(controller_gres_indices("", "gpu", indices, 8), 0);
	assert_int_equal(controller_gres_indices("gpu:1(IDX:3)", "gpu", indices, 8), 1);
	assert_int_equal(indices[0], 3);
	assert_int_equal(controller_gres_indices("nic:mlx:2(IDX:0,2),gpu:tesla:3(IDX:1-2,5)", "gpu", indices, 8), 3);
	assert_int_equal(indices[0], 1);
	assert_int_equal(indices[1], 2);
	assert_int_equal(indices[2], 5);
	assert_int_equal(controller_gres_indices("gpu:a:1(IDX:0),gpu:b:1(IDX:4)", "gpu", indices, 8), 2);
	assert_int_equal(indices[1], 4);
	assert_int_equal(controller_gres_indices("gpus:1(IDX:0),xgpu:1(IDX:1)", "gpu", indices, 8), 0);
	assert_int_equal(controller_gres_indices("nic(CNT:2),gpu:1(IDX:1)", "gpu", indices, 8), 1);
	assert_int_equal(controller_gres_indices("gpu(CNT:2)", "gpu", indices, 8), -ENODATA);
	assert_int_equal(controller_gres_indices("gpu:tesla(CNT:2)", "gpu", indices, 8), -ENODATA);
	assert_int_equal(controller_gres_indices("gpu:9(IDX:0-8)", "gpu", indices, 8), -ERANGE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(controller_gres_indices(wrong[i], "gpu", indices, 8), -EINVAL);
}

static void a_job_has_what_slurm_gave_it(void **state)
{
	struct lease lease;

	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	assert_string_equal(kv_get(&machine, "devices"), "1");
	assert_string_equal(kv_get(&machine, "device.0.pci"), vf0.name);
	assert_string_equal(kv_get(&machine, "vfio"), "8");
	expect_driver("vfio-pci");
	lease = load();
	assert_int_equal(lease.phase, LEASE_READY);
	assert_int_equal(lease.owner.job, 7);
	assert_int_equal(release(), 0);
	expect_driver("igbvf");
	assert_string_equal(sysfs_get(VF0 "/reset"), "1");
	expect_no_lease();
	/* again, as after a kill in between */
	assert_int_equal(release(), 0);
}

static void a_job_without_the_gres_has_none(void **state)
{
	(void)state;
	begin("A");
	gres = "nic:1(IDX:0)";
	assert_int_equal(make(), 0);
	assert_null(kv_get(&machine, "devices"));
	gres = "";
	assert_int_equal(make(), 0);
	assert_null(kv_get(&machine, "devices"));
	expect_driver("igbvf");
	assert_int_equal(release(), 0);
}

static void what_cannot_be_had_is_said(void **state)
{
	static const struct {
		const char *gres, *says;
	} wrong[] = {{"gpu:1(IDX:1)", "no device for index 1 of GRES gpu"},
	             {"gpu:1(IDX:3)", "no device for index 3 of GRES gpu"},
	             {"gpu(CNT:1)", "gres.conf needs File="},
	             {"gpu:x", "cannot be read"},
	             {NULL, "does not answer"}};

	(void)state;
	begin("A");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		gres = wrong[i].gres;
		assert_int_equal(make(), -EIO);
		assert_int_equal(why.code, EXIT_NODE);
		expect_why(wrong[i].says);
	}
	expect_driver("igbvf");
}

static void what_the_host_uses_is_refused(void **state)
{
	(void)state;
	begin("A");
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1003\n");
	assert_int_equal(make(), -EIO);
	expect_why("its netdev enp1s0v0 is up");
	sysfs_put(VF0 "/net/enp1s0v0/flags", "0x1002\n");
	sysfs_link(VF0 "/net/enp1s0v0/upper_br0", "../br0");
	assert_int_equal(make(), -EIO);
	expect_why("below br0");
	sysfs_drop(VF0 "/net/enp1s0v0");
	assert_int_equal(make(), -EIO);
	expect_why("a container or a program has it");
	expect_driver("igbvf");
	expect_no_lease();
}

static void a_node_that_is_open_is_seen(void **state)
{
	struct device_claims claims;
	char text[DEVICE_USED_WHY];
	pid_t child;

	(void)state;
	begin("A");
	assert_false(device_is_used(&vf0, &claims, text));
	device_unclaim(&claims);
	/* what is open surely, as the device's */
	sysfs_put(VF0 "/misc/thing/dev", "1:3\n");
	sysfs_link(VF0 "/misc/thing/subsystem", "../../../../class/misc");
	child = fork();
	if (child == 0) {
		(void)open("/dev/null", O_RDWR);
		pause();
	}
	clock_nap(100);
	assert_true(device_is_used(&vf0, &claims, text));
	assert_non_null(strstr(text, "has it open"));
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

static void what_no_machine_may_have_is_refused(void **state)
{
	static const struct {
		const char *devices, *says;
	} wrong[] = {{"[device g]\ngres = gpu\ndevices = 0000:01:00.0\n", "it has VFs"},
	             {"[device g]\ngres = gpu\ndevices = 0000:00:1f.2\n", "driver_override"},
	             {"[device g]\ngres = gpu\ndevices = 0000:7f:00.0\n", "there is no such device"}};

	(void)state;
	begin("A");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_config(wrong[i].devices), 0);
		assert_true(make() < 0);
		expect_why(wrong[i].says);
	}
	assert_int_equal(read_config("[device g]\ngres = gpu\ndevices = 0000:01:10.0\n"), 0);
	sysfs_drop(VF0 "/reset");
	assert_true(make() < 0);
	expect_why("cannot reset it");
	sysfs_put(VF0 "/reset", "");
	sysfs_put(VF0 "/class", "0x060400\n");
	assert_true(make() < 0);
	expect_why("it is a bridge");
	sysfs_remove();
	sysfs_make("D");
	assert_true(make() < 0);
	expect_why("0000:01:10.2");
	expect_no_lease();
}

/* Else two jobs would have it, by two leases. */
static void a_networks_vf_is_refused(void **state)
{
	static const char *const names[] = {"enp1s0", "0000:01:00.0"};
	struct config_network *network = &config.networks[0];

	(void)state;
	begin("A");
	*network = (struct config_network){.name = "fast", .type = "sriov", .pf_count = 1};
	config.network_count = 1;
	for (size_t i = 0; i < 2; i++) {
		(void)strcpy(network->pfs[0], names[i]);
		assert_int_equal(make(), -EIO);
		expect_why("VF 0 of ");
		expect_why("[network fast]");
	}
	expect_driver("igbvf");
	expect_no_lease();
	(void)strcpy(network->pfs[0], "ens9");
	assert_int_equal(make(), 0);
	config.network_count = 0;
	assert_int_equal(release(), 0);
}

static void another_jobs_device_is_not_touched(void **state)
{
	char line[80];
	struct lease lease;

	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	lease = load();
	assert_int_equal(make(), -EIO);
	expect_why("is still job 7's");
	/* an old token */
	(void)snprintf(line, sizeof(line), "%s %032d", vf0.name, 1);
	assert_int_equal(devices_remove(line, false), 0);
	expect_driver("vfio-pci");
	assert_string_equal(load().token, lease.token);
	assert_int_equal(release(), 0);
	expect_no_lease();
}

static void what_cannot_be_restored_is_quarantined(void **state)
{
	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	sysfs_drop("sys/bus/pci/drivers/igbvf");
	drain_fails = true;
	assert_int_equal(release(), -EIO);
	assert_int_equal(load().phase, LEASE_QUARANTINED);
	assert_int_equal(release(), -EIO);
	drain_fails = false;
	assert_int_equal(release(), 0);
	assert_non_null(strstr(drained_for, "igbvf is no longer loaded"));
	assert_true(load().drained);
	assert_int_equal(make(), -EIO);
	expect_why("is quarantined: ");
	/* an administrator loads the driver, and sweeps */
	sysfs_remove();
	sysfs_make("C");
	sysfs_start_kernel();
	assert_int_equal(lease_reconcile(&device_lease_kind, false, 1000), 0);
	assert_int_equal(load().phase, LEASE_QUARANTINED);
	assert_int_equal(lease_reconcile(&device_lease_kind, true, 1000), 0);
	expect_no_lease();
	expect_driver("igbvf");
}

static void a_device_that_vanishes_is_nobodys(void **state)
{
	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	sysfs_drop(VF0);
	sysfs_drop("sys/bus/pci/devices/0000:01:10.0");
	assert_int_equal(release(), 0);
	expect_no_lease();
	assert_string_equal(drained_for, "");
}

static void a_lease_of_another_boot_is_void(void **state)
{
	struct lease lease;
	struct kv own = {0};

	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	assert_int_equal(lease_load(folder, vf0.name, &lease, &own), 0);
	(void)strcpy(lease.boot, "00000000-0000-0000-0000-000000000000");
	assert_int_equal(lease_save(folder, &lease, &own, true), 0);
	kv_free(&own);
	assert_int_equal(lease_reconcile(&device_lease_kind, false, 1000), 0);
	expect_no_lease();
	/* nothing of it was touched */
	expect_driver("vfio-pci");
}

/* What a power cut left of it stands in nobody's way. */
static void a_torn_lease_of_another_boot_is_void(void **state)
{
	char line[80];
	int fd;

	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	(void)snprintf(line, sizeof(line), "%s %s", vf0.name, load().token);
	assert_int_equal(devices_remove(line, true), 0);
	expect_no_lease();
	expect_driver("igbvf");
	fd = openat(folder, vf0.name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(devices_remove(line, false), -EIO);
	assert_int_equal(devices_remove(line, true), 0);
	expect_no_lease();
	assert_int_equal(devices_remove(line, true), 0);
}

static void what_no_record_knows_is_given_back(void **state)
{
	(void)state;
	begin("A");
	assert_int_equal(make(), 0);
	assert_int_equal(lease_reconcile(&device_lease_kind, false, 1000), 0);
	expect_no_lease();
	expect_driver("igbvf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sections_are_read),
	        cmocka_unit_test(what_slurm_says_is_read),
	        cmocka_unit_test_teardown(a_job_has_what_slurm_gave_it, end),
	        cmocka_unit_test_teardown(a_job_without_the_gres_has_none, end),
	        cmocka_unit_test_teardown(what_cannot_be_had_is_said, end),
	        cmocka_unit_test_teardown(what_the_host_uses_is_refused, end),
	        cmocka_unit_test_teardown(a_node_that_is_open_is_seen, end),
	        cmocka_unit_test_teardown(what_no_machine_may_have_is_refused, end),
	        cmocka_unit_test_teardown(a_networks_vf_is_refused, end),
	        cmocka_unit_test_teardown(another_jobs_device_is_not_touched, end),
	        cmocka_unit_test_teardown(what_cannot_be_restored_is_quarantined, end),
	        cmocka_unit_test_teardown(a_device_that_vanishes_is_nobodys, end),
	        cmocka_unit_test_teardown(a_lease_of_another_boot_is_void, end),
	        cmocka_unit_test_teardown(a_torn_lease_of_another_boot_is_void, end),
	        cmocka_unit_test_teardown(what_no_record_knows_is_given_back, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
