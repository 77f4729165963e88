/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/domain.o monitor/domain_network.o monitor/machine_network.o monitor/machine.o */
/* links: common/kv.o common/str.o common/mounts.o */
/* links: monitor/domain_cpus.o monitor/domain_memory.o monitor/xml.o */
/* links: monitor/domain_device.o monitor/machine_device.o monitor/domain_passt.o */
/* libs: -lxml2 */
/* links: common/mac.o common/sha256.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "monitor/domain.h"

#define ROOT "/run/wn&<>\"'"

static gid_t groups[] = {20001};

static const struct machine plain = {
        .name = "wnodes-17",
        .uuid = "133ef5e4-9b58-4308-ac38-2c2cafa6194a",
        .uid = 20001,
        .gid = 20001,
        .group_ids = groups,
        .group_count = 1,
        .emulator = "/usr/bin/qemu-system-x86_64",
        .machine = "q35",
        .vcpus = 3,
        .sockets = 1,
        .cores = 3,
        .threads = 1,
        .memory_mib = 512,
        .tb_cache_mib = 64,
        .disk_path = "/o/disk.qcow2",
        .disk_format = "qcow2",
        .disk_cache = "unsafe",
        .disk_io = "threads",
        .disk_discard = "unmap",
        .disk_base = "/i/base",
        .disk_base_format = "raw",
        .networks = {{.name = "user", .kind = MACHINE_USER, .mac = "52:54:00:12:34:56", .dhcp = true}},
        .network_count = 1,
};

struct parsed {
	xmlDocPtr document;
	xmlXPathContextPtr context;
};

static struct parsed parse(const struct machine *machine)
{
	struct parsed parsed;
	char *text = domain_xml(machine, ROOT);

	assert_non_null(text);
	parsed.document = xmlReadMemory(text, (int)strlen(text), "domain", NULL, XML_PARSE_NONET);
	assert_non_null(parsed.document);
	parsed.context = xmlXPathNewContext(parsed.document);
	assert_non_null(parsed.context);
	free(text);
	return parsed;
}

static void done(struct parsed *parsed)
{
	xmlXPathFreeContext(parsed->context);
	xmlFreeDoc(parsed->document);
}

/* Fails unless the XPath expression's string is value. */
static void expect(const struct parsed *parsed, const char *expression, const char *value)
{
	xmlXPathObjectPtr object = xmlXPathEvalExpression(BAD_CAST expression, parsed->context);
	xmlChar *text;

	assert_non_null(object);
	text = xmlXPathCastToString(object);
	assert_string_equal((const char *)text, value);
	xmlFree(text);
	xmlXPathFreeObject(object);
}

static void a_machine_under_tcg(void **state)
{
	struct parsed parsed = parse(&plain);

	(void)state;
	expect(&parsed, "/domain/@type", "qemu");
	expect(&parsed, "/domain/name", "wnodes-17");
	expect(&parsed, "/domain/memory", "512");
	expect(&parsed, "/domain/memory/@unit", "MiB");
	expect(&parsed, "/domain/vcpu", "3");
	expect(&parsed, "/domain/cpu/@mode", "maximum");
	expect(&parsed, "/domain/cpu/topology/@cores", "3");
	expect(&parsed, "/domain/features/tcg/tb-cache", "64");
	expect(&parsed, "/domain/os/type/@machine", "q35");
	expect(&parsed, "/domain/os/boot/@dev", "hd");
	expect(&parsed, "count(/domain/os/kernel)", "0");
	expect(&parsed, "/domain/on_reboot", "restart");
	expect(&parsed, "/domain/devices/controller[@type='usb']/@model", "none");
	expect(&parsed, "/domain/devices/memballoon/@model", "none");
	expect(&parsed, "count(/domain/memoryBacking/nosharepages)", "1");
	expect(&parsed, "count(/domain/memoryBacking/*)", "1");
	expect(&parsed, "count(/domain/vcpu/@cpuset | /domain/cputune | /domain/numatune | /domain/cpu/numa)", "0");
	expect(&parsed, "/domain/devices/panic/@model", "isa");
	expect(&parsed, "count(/domain/devices/graphics | /domain/devices/video)", "0");
	expect(&parsed, "/domain/devices/channel/target/@name", "org.wnodes.agent.0");
	done(&parsed);
}

static void virtio_devices_are_of_one_kind(void **state)
{
	struct machine machine = plain;
	struct parsed parsed = parse(&machine);

	(void)state;
	expect(&parsed, "count(//@model[.='virtio-non-transitional'] | //model/@type[.='virtio-non-transitional'])",
	       "4");
	expect(&parsed, "count(//@*[.='virtio-transitional'])", "0");
	done(&parsed);
	machine.machine = "pc";
	machine.transitional = true;
	machine.seed = "/o/seed";
	parsed = parse(&machine);
	expect(&parsed, "/domain/os/type/@machine", "pc");
	expect(&parsed, "count(//@model[.='virtio-transitional'] | //model/@type[.='virtio-transitional'])", "5");
	expect(&parsed, "count(//@*[.='virtio-non-transitional'])", "0");
	done(&parsed);
}

static void the_seed_is_a_second_disk_that_nobody_writes(void **state)
{
	struct machine machine = plain;
	struct parsed parsed = parse(&machine);

	(void)state;
	expect(&parsed, "count(/domain/devices/disk)", "1");
	done(&parsed);
	machine.seed = "/o/seed";
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/disk[2]/source/@file", ROOT "/disk/seed");
	expect(&parsed, "/domain/devices/disk[2]/driver/@type", "raw");
	expect(&parsed, "/domain/devices/disk[2]/target/@dev", "vdb");
	expect(&parsed, "count(/domain/devices/disk[2]/readonly)", "1");
	expect(&parsed, "count(/domain/devices/disk[1]/readonly)", "0");
	expect(&parsed, "/domain/devices/disk[2]/address/@slot > /domain/devices/disk[1]/address/@slot + 16", "true");
	done(&parsed);
}

static void a_machine_under_kvm(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.kvm = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/@type", "kvm");
	expect(&parsed, "/domain/cpu/@mode", "host-passthrough");
	expect(&parsed, "/domain/cpu/@migratable", "off");
	expect(&parsed, "count(/domain/features/tcg)", "0");
	done(&parsed);
}

static void vcpus_are_pinned_one_to_one(void **state)
{
	unsigned int cpus[] = {3, 11, 4, 12};
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.vcpus = 4;
	machine.cpus = cpus;
	machine.sockets = machine.threads = 2;
	machine.cores = 1;
	machine.topoext = true;
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/cputune/vcpupin)", "4");
	expect(&parsed, "/domain/cputune/vcpupin[@vcpu=0]/@cpuset", "3");
	expect(&parsed, "/domain/cputune/vcpupin[@vcpu=1]/@cpuset", "11");
	expect(&parsed, "/domain/cputune/vcpupin[@vcpu=3]/@cpuset", "12");
	expect(&parsed, "/domain/vcpu/@cpuset", "3,11,4,12");
	expect(&parsed, "/domain/vcpu", "4");
	expect(&parsed, "/domain/cpu/topology/@sockets", "2");
	expect(&parsed, "/domain/cpu/topology/@cores", "1");
	expect(&parsed, "/domain/cpu/topology/@threads", "2");
	expect(&parsed, "/domain/cpu/feature[@policy='require']/@name", "topoext");
	done(&parsed);
}

static void cells_are_bound_to_nodes(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.cells[0] = (struct machine_cell){1, 0, 2, 300};
	machine.cells[1] = (struct machine_cell){3, 2, 1, 212};
	machine.cell_count = 2;
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/cpu/numa/cell)", "2");
	expect(&parsed, "/domain/cpu/numa/cell[@id=0]/@cpus", "0-1");
	expect(&parsed, "/domain/cpu/numa/cell[@id=1]/@cpus", "2-2");
	expect(&parsed, "/domain/cpu/numa/cell[@id=1]/@memory", "212");
	expect(&parsed, "/domain/cpu/numa/cell[@id=1]/@unit", "MiB");
	expect(&parsed, "/domain/numatune/memnode[@cellid=0]/@nodeset", "1");
	expect(&parsed, "/domain/numatune/memnode[@cellid=1]/@nodeset", "3");
	expect(&parsed, "count(/domain/numatune/memnode[@mode='preferred'])", "2");
	done(&parsed);
	machine.numa_strict = true;
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/numatune/memnode[@mode='strict'])", "2");
	done(&parsed);
}

static void hugepages_need_no_mount(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.hugepage_kib = 2048;
	parsed = parse(&machine);
	expect(&parsed, "/domain/memoryBacking/hugepages/page/@size", "2048");
	expect(&parsed, "/domain/memoryBacking/hugepages/page/@unit", "KiB");
	expect(&parsed, "/domain/memoryBacking/source/@type", "memfd");
	expect(&parsed, "/domain/memoryBacking/allocation/@threads", "3");
	expect(&parsed, "count(/domain/memoryBacking/access)", "0");
	done(&parsed);
	machine = plain;
	machine.memory_prealloc = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/memoryBacking/allocation/@mode", "immediate");
	expect(&parsed, "count(/domain/memoryBacking/source | /domain/memoryBacking/hugepages)", "0");
	done(&parsed);
}

static void the_balloon_only_reports(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.free_page_reporting = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/memballoon/@model", "virtio-non-transitional");
	expect(&parsed, "/domain/devices/memballoon/@freePageReporting", "on");
	expect(&parsed, "count(/domain/devices/memballoon/@autodeflate)", "0");
	expect(&parsed, "count(//address[@slot=/domain/devices/memballoon/address/@slot])", "1");
	done(&parsed);
}

static void the_console_may_be_virtio(void **state)
{
	struct machine machine = plain;
	struct parsed parsed = parse(&machine);

	(void)state;
	expect(&parsed, "/domain/devices/serial/target/@type", "isa-serial");
	expect(&parsed, "count(/domain/devices/console)", "0");
	done(&parsed);
	machine.console_virtio = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/console/target/@type", "virtio");
	expect(&parsed, "/domain/devices/console/source/@path", ROOT "/socket/console");
	expect(&parsed, "count(/domain/devices/serial)", "0");
	done(&parsed);
}

static void the_disk_is_a_closed_chain_below_the_root(void **state)
{
	struct parsed parsed = parse(&plain);

	(void)state;
	expect(&parsed, "/domain/devices/disk/source/@file", ROOT "/disk/disk");
	expect(&parsed, "/domain/devices/disk/driver/@cache", "unsafe");
	expect(&parsed, "/domain/devices/disk/driver/@io", "threads");
	expect(&parsed, "/domain/devices/disk/backingStore/source/@file", ROOT "/disk/base");
	expect(&parsed, "/domain/devices/disk/backingStore/format/@type", "raw");
	expect(&parsed, "count(/domain/devices/disk/backingStore/backingStore)", "1");
	expect(&parsed, "count(/domain/devices/disk/backingStore/backingStore/node())", "0");
	done(&parsed);
}

static void the_driver_is_as_the_site_says(void **state)
{
	struct machine machine = plain;
	struct parsed parsed = parse(&machine);

	(void)state;
	expect(&parsed, "count(/domain/iothreads | //driver/@iothread)", "0");
	expect(&parsed, "/domain/devices/disk/driver/@discard", "unmap");
	done(&parsed);
	machine.disk_cache = "none";
	machine.disk_io = "native";
	machine.disk_discard = "ignore";
	machine.disk_iothread = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/disk/driver/@cache", "none");
	expect(&parsed, "/domain/devices/disk/driver/@io", "native");
	expect(&parsed, "/domain/devices/disk/driver/@discard", "ignore");
	expect(&parsed, "/domain/devices/disk/driver/@iothread", "1");
	expect(&parsed, "/domain/iothreads", "1");
	done(&parsed);
}

static void a_whole_disk_has_no_chain(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.disk_base = NULL;
	machine.disk_format = "raw";
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/disk/@type", "file");
	expect(&parsed, "/domain/devices/disk/driver/@type", "raw");
	expect(&parsed, "count(/domain/devices/disk/backingStore)", "1");
	expect(&parsed, "count(/domain/devices/disk/backingStore/node())", "0");
	done(&parsed);
	machine.disk_block = true;
	parsed = parse(&machine);
	expect(&parsed, "/domain/devices/disk/@type", "block");
	expect(&parsed, "/domain/devices/disk/source/@dev", ROOT "/disk/devices/disk");
	expect(&parsed, "count(/domain/devices/disk/source/@file)", "0");
	done(&parsed);
}

static void texts_are_escaped(void **state)
{
	static const char text[] = "a=\"b\" c='d' <e> &f; ]]>  \xc3\xa4";
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.kernel = "/i/kernel";
	machine.initrd = "/i/initrd";
	machine.cmdline = text;
	machine.emulator = "/opt/q&e<m>u\"'";
	parsed = parse(&machine);
	expect(&parsed, "/domain/os/cmdline", text);
	expect(&parsed, "/domain/os/kernel", ROOT "/disk/kernel");
	expect(&parsed, "/domain/devices/emulator", machine.emulator);
	expect(&parsed, "/domain/devices/serial/source/@path", ROOT "/socket/console");
	expect(&parsed, "count(/domain/os/boot)", "0");
	expect(&parsed, "count(/domain/*)", "13");
	done(&parsed);
}

static void without_a_network_there_is_no_interface(void **state)
{
	struct machine machine = plain;
	struct parsed parsed = parse(&machine);

	(void)state;
	expect(&parsed, "count(/domain/devices/interface[@type='user'])", "1");
	done(&parsed);
	machine.network_count = 0;
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/devices/interface)", "0");
	done(&parsed);
}

static void pci_devices_have_a_port_each(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.devices = (struct machine_devices){.pci = {"0000:81:00.0", "ab01:c2:1f.7"}, .count = 2};
	parsed = parse(&machine);
	expect(&parsed, "count(//hostdev[@mode='subsystem'][@type='pci'][@managed='no'])", "2");
	expect(&parsed, "count(//hostdev[address])", "0");
	expect(&parsed, "count(//hostdev[rom/@enabled='no'])", "2");
	expect(&parsed, "count(//hostdev/source/address[@domain='0x0000'][@bus='0x81'][@slot='0x00'][@function='0x0'])",
	       "1");
	expect(&parsed, "count(//hostdev/source/address[@domain='0xab01'][@bus='0xc2'][@slot='0x1f'][@function='0x7'])",
	       "1");
	done(&parsed);
}

static void each_network_has_a_nic_in_a_slot_of_its_own(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;
	char path[96];

	(void)state;
	machine.networks[1] = (struct machine_network){
	        .name = "lan", .kind = MACHINE_BRIDGE, .mac = "02:00:00:00:00:01", .target = "wn133ef5e4-1"};
	machine.networks[2] = (struct machine_network){
	        .name = "fast", .kind = MACHINE_SRIOV, .mac = "02:00:00:00:00:02", .pci = "0000:41:10.3"};
	for (unsigned int i = 3; i < NETWORKS_MAX; i++)
		machine.networks[i] = machine.networks[0];
	machine.network_count = NETWORKS_MAX;
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/devices/interface[@type='user'])", "6");
	expect(&parsed, "count(/domain/devices/interface[@type='ethernet'])", "1");
	expect(&parsed, "/domain/devices/interface[@type='ethernet']/target/@dev", "wn133ef5e4-1");
	expect(&parsed, "/domain/devices/interface[@type='ethernet']/target/@managed", "no");
	expect(&parsed, "/domain/devices/interface[@type='ethernet']/mac/@address", "02:00:00:00:00:01");
	expect(&parsed, "/domain/devices/hostdev[1]/@managed", "no");
	expect(&parsed, "/domain/devices/hostdev[1]/source/address/@bus", "0x41");
	expect(&parsed, "/domain/devices/hostdev[1]/source/address/@slot", "0x10");
	expect(&parsed, "/domain/devices/hostdev[1]/source/address/@function", "0x3");
	/* every device of the root bus has a slot, and none has another's */
	for (unsigned int slot = 0; slot < 31; slot++) {
		(void)snprintf(path, sizeof(path), "count(//devices/*/address[@bus='0'][@slot='%u']) > 1", slot);
		expect(&parsed, path, "false");
	}
	expect(&parsed, "count(//devices/*/address[@slot > 30])", "0");
	expect(&parsed, "count(/domain/devices/interface/address) + count(/domain/devices/hostdev/address)", "8");
	done(&parsed);
}

/* In QEMU's words, in the slot that libvirt's would have */
static void a_passt_has_a_nic_in_qemus_words(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;

	(void)state;
	machine.networks[1] = machine.networks[0];
	machine.networks[0].passt = true;
	machine.networks[0].mac = "02:00:00:00:00:07";
	machine.network_count = 2;
	machine.passt = "/usr/bin/passt";
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/devices/interface)", "1");
	expect(&parsed, "count(/domain/devices/*/address[@bus='0'][@slot='3'])", "0");
	expect(&parsed, "count(/domain/*[local-name()='commandline']/*[local-name()='arg'])", "4");
	expect(&parsed, "string(/domain/*[local-name()='commandline']/*[2]/@value)",
	       "stream,id=passt0,server=off,addr.type=unix,addr.path=" ROOT "/passt/0");
	expect(&parsed, "string(/domain/*[local-name()='commandline']/*[4]/@value)",
	       "virtio-net-pci-non-transitional,id=nic0,netdev=passt0,mac=02:00:00:00:00:07,bus=pcie.0,addr=0x3,"
	       "romfile=");
	done(&parsed);
	machine.machine = "pc";
	machine.transitional = true;
	parsed = parse(&machine);
	expect(&parsed, "string(/domain/*[local-name()='commandline']/*[4]/@value)",
	       "virtio-net-pci-transitional,id=nic0,netdev=passt0,mac=02:00:00:00:00:07,bus=pci.0,addr=0x3,romfile=");
	done(&parsed);
}

static void host_directories_have_a_device_each(void **state)
{
	struct machine machine = plain;
	char why[MOUNTS_WHY_SIZE];
	struct parsed parsed;

	(void)state;
	assert_int_equal(mounts_add(&machine.mounts, "/a", "/b", 0, why), 0);
	assert_int_equal(mounts_add(&machine.mounts, "/c", "/d", MOUNTS_READ_ONLY, why), 0);
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/devices/filesystem[@type='mount'][@accessmode='squash'])", "2");
	expect(&parsed, "count(/domain/memoryBacking/source)", "0");
	expect(&parsed, "/domain/devices/filesystem[1]/source/@dir", ROOT "/mount/0");
	expect(&parsed, "/domain/devices/filesystem[1]/target/@dir", "wnodes0");
	expect(&parsed, "count(/domain/devices/filesystem[1]/readonly)", "0");
	expect(&parsed, "/domain/devices/filesystem[2]/target/@dir", "wnodes1");
	expect(&parsed, "count(/domain/devices/filesystem[2]/readonly)", "1");
	expect(&parsed, "count(//address[@slot=/domain/devices/filesystem[2]/address/@slot])", "1");
	done(&parsed);
}

static void virtiofs_shares_the_memory_and_has_sockets(void **state)
{
	struct machine machine = plain;
	struct parsed parsed;
	char why[MOUNTS_WHY_SIZE];

	(void)state;
	machine.virtiofsd = "/usr/libexec/virtiofsd";
	parsed = parse(&machine);
	expect(&parsed, "count(/domain/memoryBacking/source)", "0");
	done(&parsed);
	assert_int_equal(mounts_add(&machine.mounts, "/a", "/b", 0, why), 0);
	assert_int_equal(mounts_add(&machine.mounts, "/c", "/d", MOUNTS_READ_ONLY, why), 0);
	parsed = parse(&machine);
	expect(&parsed, "/domain/memoryBacking/source/@type", "memfd");
	expect(&parsed, "/domain/memoryBacking/access/@mode", "shared");
	expect(&parsed, "count(/domain/devices/filesystem/driver[@type='virtiofs'])", "2");
	expect(&parsed, "/domain/devices/filesystem[2]/source/@socket", ROOT "/virtiofs/1");
	expect(&parsed, "/domain/devices/filesystem[2]/target/@dir", "wnodes1");
	done(&parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(virtiofs_shares_the_memory_and_has_sockets),
	        cmocka_unit_test(a_machine_under_tcg),
	        cmocka_unit_test(virtio_devices_are_of_one_kind),
	        cmocka_unit_test(the_seed_is_a_second_disk_that_nobody_writes),
	        cmocka_unit_test(a_machine_under_kvm),
	        cmocka_unit_test(vcpus_are_pinned_one_to_one),
	        cmocka_unit_test(cells_are_bound_to_nodes),
	        cmocka_unit_test(hugepages_need_no_mount),
	        cmocka_unit_test(the_balloon_only_reports),
	        cmocka_unit_test(the_console_may_be_virtio),
	        cmocka_unit_test(the_disk_is_a_closed_chain_below_the_root),
	        cmocka_unit_test(the_driver_is_as_the_site_says),
	        cmocka_unit_test(a_whole_disk_has_no_chain),
	        cmocka_unit_test(texts_are_escaped),
	        cmocka_unit_test(without_a_network_there_is_no_interface),
	        cmocka_unit_test(each_network_has_a_nic_in_a_slot_of_its_own),
	        cmocka_unit_test(a_passt_has_a_nic_in_qemus_words),
	        cmocka_unit_test(host_directories_have_a_device_each),
	        cmocka_unit_test(pci_devices_have_a_port_each),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	xmlCleanupParser();
	return rc;
}
