/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/disk.o */
/* links: monitor/space.o monitor/watch.o monitor/packet.o monitor/counters.o common/str.o */
/* links: monitor/pause.o monitor/driver.o monitor/domain.o monitor/domain_network.o monitor/namespace.o */
/* links: monitor/domain_passt.o monitor/network.o */
/* links: monitor/domain_cpus.o monitor/domain_memory.o monitor/xml.o */
/* links: monitor/domain_device.o monitor/machine_device.o monitor/vfio.o common/kv.o */
/* libs: -lvirt -lxml2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "monitor/pause.h"
#include "monitor/space.h"
#include "monitor/vfio.h"
#include "monitor/watch.h"

/* Of the owner's nothing but the verdicts is tested here. */
void owner_end(struct owner *owner, int code, const char *format, ...)
{
	(void)owner;
	(void)code;
	(void)format;
	fail();
}

static void expect(int event, int detail, int code, const char *part)
{
	struct verdict verdict = watch_lifecycle(event, detail);

	assert_int_equal(verdict.code, code);
	if (part)
		assert_non_null(strstr(verdict.message, part));
	else
		assert_null(verdict.message);
}

static void each_end_has_its_verdict(void **state)
{
	(void)state;
	expect(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, EXIT_MACHINE, "powered itself off");
	expect(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_HOST, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, EXIT_MACHINE, "powered itself off");
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED, EXIT_MACHINE, "panicked");
}

static void the_rest_ends_nothing(void **state)
{
	(void)state;
	expect(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, 0, NULL);
	expect(VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, 0, NULL);
	expect(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, 0, NULL);
	/* comes beside an event of its own */
	expect(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, 0, NULL);
	expect(-1, -1, 0, NULL);
}

static void a_freezer_is_read(void **state)
{
	static const struct {
		const char *text;
		bool frozen;
	} cases[] = {{"FROZEN\n", true}, {"FREEZING\n", true}, {"THAWED\n", false},
	             {"1\n", true},      {"0\n", false},       {"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *file = tmpfile();

		assert_non_null(file);
		fputs(cases[i].text, file);
		fflush(file);
		assert_int_equal(pause_is_frozen(fileno(file)), cases[i].frozen);
		fclose(file);
	}
	assert_false(pause_is_frozen(-1));
}

/* The larger the disk, the sooner its job ends; whoever has all that is used, at once. */
static void the_largest_gives_way_first(void **state)
{
	const uint64_t mib = UINT64_C(1) << 20, gib = UINT64_C(1) << 30;
	const struct space alone = {200 * mib, 0, 200 * mib}, small = {200 * mib, 0, 20 * mib};
	const struct space large = {100 * gib, 0, 60 * gib}, beside = {100 * gib, 0, 2 * gib};
	const struct space strange = {0, 0, 0};

	(void)state;
	assert_int_equal(space_patience(&alone, 999), 0);
	assert_in_range(space_patience(&small, 0), 25000, 30000);
	assert_in_range(space_patience(&small, 999), 50000, 60000);
	assert_in_range(space_patience(&large, 999), 0, 500);
	assert_in_range(space_patience(&beside, 0), 8000, 10000);
	assert_int_equal(space_patience(&strange, 500), 0);
}

static void some_space_is_not_enough(void **state)
{
	const uint64_t mib = UINT64_C(1) << 20;
	const struct {
		struct space space;
		bool enough;
	} cases[] = {{{1000 * mib, 64 * mib, 0}, true},
	             {{1000 * mib, 63 * mib, 0}, false},
	             {{80 * mib, 10 * mib, 0}, true},
	             {{80 * mib, 9 * mib, 0}, false},
	             {{1000 * mib, 0, mib * 30}, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(space_is_enough(&cases[i].space), cases[i].enough);
}

static void a_device_is_known_by_its_alias(void **state)
{
	const struct machine machine = {.networks = {{.name = "lan", .kind = MACHINE_BRIDGE},
	                                             {.name = "fast", .kind = MACHINE_SRIOV, .pci = "0000:01:10.0"},
	                                             {.name = "user", .kind = MACHINE_USER},
	                                             {.name = "far", .kind = MACHINE_SRIOV, .pci = "0000:81:10.2"}},
	                                .network_count = 4,
	                                .devices = {.pci = {"0000:41:00.0"}, .count = 1}};
	static const char *const others[] = {"net0", "hostdev", "hostdev3", "hostdev0x", "virtio-disk0", ""};
	const char *network = NULL;

	(void)state;
	assert_string_equal(vfio_device(&machine, "hostdev0", &network), "0000:01:10.0");
	assert_string_equal(network, "fast");
	assert_string_equal(vfio_device(&machine, "hostdev1", &network), "0000:81:10.2");
	assert_string_equal(network, "far");
	assert_string_equal(vfio_device(&machine, "hostdev2", &network), "0000:41:00.0");
	assert_null(network);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(vfio_device(&machine, others[i], &network));
}

/* A guest that does without its device has not lost it. */
static void what_the_host_took_is_told_from_what_the_guest_left(void **state)
{
	char folder[] = "/tmp/wnodes-watch-XXXXXX", path[64], link[80];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/0000:01:10.0", folder);
	(void)snprintf(link, sizeof(link), "%s/driver", path);
	assert_false(vfio_is_bound(folder, "0000:01:10.0"));
	assert_int_equal(mkdir(path, 0755), 0);
	assert_false(vfio_is_bound(folder, "0000:01:10.0"));
	assert_int_equal(symlink("../../../bus/pci/drivers/vfio-pci", link), 0);
	assert_true(vfio_is_bound(folder, "0000:01:10.0"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("../../../bus/pci/drivers/igbvf", link), 0);
	assert_false(vfio_is_bound(folder, "0000:01:10.0"));
	assert_int_equal(unlink(link) + rmdir(path) + rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_end_has_its_verdict),
	        cmocka_unit_test(the_rest_ends_nothing),
	        cmocka_unit_test(a_freezer_is_read),
	        cmocka_unit_test(the_largest_gives_way_first),
	        cmocka_unit_test(some_space_is_not_enough),
	        cmocka_unit_test(a_device_is_known_by_its_alias),
	        cmocka_unit_test(what_the_host_took_is_told_from_what_the_guest_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
