/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain.h"

#include <limits.h>
#include <string.h>

#include "common/str.h"
#include "common/wire.h"
#include "monitor/domain_cpus.h"
#include "monitor/domain_device.h"
#include "monitor/domain_memory.h"
#include "monitor/domain_network.h"
#include "monitor/domain_passt.h"
#include "monitor/namespace.h"
#include "monitor/xml.h"

/*
 * Slots on the root bus. Without an address libvirt gives every device a PCIe
 * root port of its own, which costs firmware and kernel time at each boot and
 * serves only hotplug.
 */
enum domain_slot {
	SLOT_DISK = 2,
	SLOT_NETWORK,
	SLOT_SERIAL,
	SLOT_RNG,
	SLOT_MOUNT,
	SLOT_SEED = SLOT_MOUNT + MOUNTS_MAX, /* behind the disk: a guest numbers them by their slots */
	SLOT_BALLOON,
	SLOT_NETWORKS /* from the second on; the last of them is the last slot before the chipset's own */
};

_Static_assert(SLOT_NETWORKS + NETWORKS_MAX - 1 <= 31, "slot 31 is the chipset's");

/* Said outright: what QEMU takes a plain "virtio" for depends on the bus. */
static const char *virtio_model(const struct machine *machine)
{
	return machine->transitional ? "virtio-transitional" : "virtio-non-transitional";
}

static void write_boot(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "os");
	xml_open(xml, "type");
	xml_attribute(xml, "arch", "x86_64");
	xml_attribute(xml, "machine", machine->machine);
	xml->failed |= xmlTextWriterWriteString(xml->writer, BAD_CAST "hvm") < 0;
	xml_close(xml);
	if (machine->kernel)
		xml_path(xml, "kernel", NULL, root, NAMESPACE_KERNEL);
	if (machine->initrd)
		xml_path(xml, "initrd", NULL, root, NAMESPACE_INITRD);
	if (machine->cmdline)
		xml_text(xml, "cmdline", machine->cmdline);
	if (!machine->kernel)
		xml_leaf(xml, "boot", "dev", "hd");
	xml_leaf(xml, "bootmenu", "enable", "no");
	xml_close(xml);
}

static void write_features(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "features");
	xml_leaf(xml, "acpi", NULL, NULL);
	xml_leaf(xml, "apic", NULL, NULL);
	xml_leaf(xml, "vmport", "state", "off");
	if (!machine->kvm) {
		xml_open(xml, "tcg");
		xml_number(xml, "tb-cache", "MiB", machine->tb_cache_mib);
		xml_close(xml);
	}
	xml_close(xml);
}

/*
 * on_reboot differs from the rest on purpose: if all three were "destroy",
 * QEMU would be told to quit at a reset and a reboot would look like a
 * poweroff. The watch ends the machine at the REBOOT event.
 */
static void write_lifecycle(struct xml *xml)
{
	xml_text(xml, "on_poweroff", "destroy");
	xml_text(xml, "on_reboot", "restart");
	xml_text(xml, "on_crash", "destroy");
}

static void write_driver(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "driver");
	xml_attribute(xml, "name", "qemu");
	xml_attribute(xml, "type", machine->disk_format);
	xml_attribute(xml, "cache", machine->disk_cache);
	xml_attribute(xml, "io", machine->disk_io);
	/* an error of the node's stops the guest and tells the monitor, instead of EIO in the guest's file system */
	xml_attribute(xml, "error_policy", "stop");
	xml_attribute(xml, "discard", machine->disk_discard);
	if (machine->disk_iothread)
		xml_attribute(xml, "iothread", "1");
	xml_close(xml);
}

static void write_base(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "backingStore");
	if (machine->disk_base) {
		xml_attribute(xml, "type", "file");
		xml_leaf(xml, "format", "type", machine->disk_base_format);
		xml_path(xml, "source", "file", root, NAMESPACE_BASE);
		/* the terminator: nobody looks into the base for a backing file of its own */
		xml_leaf(xml, "backingStore", NULL, NULL);
	}
	xml_close(xml);
}

static void write_disk(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "disk");
	xml_attribute(xml, "type", machine->disk_block ? "block" : "file");
	xml_attribute(xml, "device", "disk");
	xml_attribute(xml, "model", virtio_model(machine));
	write_driver(xml, machine);
	if (machine->disk_block)
		xml_path(xml, "source", "dev", root, NAMESPACE_DEVICE);
	else
		xml_path(xml, "source", "file", root, NAMESPACE_DISK);
	write_base(xml, machine, root);
	xml_open(xml, "target");
	xml_attribute(xml, "dev", "vda");
	xml_attribute(xml, "bus", "virtio");
	xml_close(xml);
	xml_slot(xml, SLOT_DISK);
	xml_close(xml);
}

static void write_seed(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "disk");
	xml_attribute(xml, "type", "file");
	xml_attribute(xml, "device", "disk");
	xml_attribute(xml, "model", virtio_model(machine));
	xml_open(xml, "driver");
	xml_attribute(xml, "name", "qemu");
	xml_attribute(xml, "type", "raw");
	xml_close(xml);
	xml_path(xml, "source", "file", root, NAMESPACE_SEED);
	xml_open(xml, "target");
	xml_attribute(xml, "dev", "vdb");
	xml_attribute(xml, "bus", "virtio");
	xml_close(xml);
	xml_leaf(xml, "readonly", NULL, NULL);
	xml_slot(xml, SLOT_SEED);
	xml_close(xml);
}

static void write_socket(struct xml *xml, const char *root, const char *part)
{
	char path[PATH_MAX];

	xml->failed |= str_print(path, sizeof(path), "%s/%s", root, part) < 0;
	xml_open(xml, "source");
	xml_attribute(xml, "mode", "bind");
	xml_attribute(xml, "path", path);
	xml_close(xml);
}

/* The console whose output the relay reads: a port of the virtio-serial controller, or a UART. */
static void write_console(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, machine->console_virtio ? "console" : "serial");
	xml_attribute(xml, "type", "unix");
	write_socket(xml, root, NAMESPACE_CONSOLE);
	xml_open(xml, "target");
	xml_attribute(xml, "type", machine->console_virtio ? "virtio" : "isa-serial");
	xml_attribute(xml, "port", "0");
	xml_close(xml);
	xml_close(xml);
}

static void write_channel(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "controller");
	xml_attribute(xml, "type", "virtio-serial");
	xml_attribute(xml, "index", "0");
	xml_attribute(xml, "model", virtio_model(machine));
	xml_slot(xml, SLOT_SERIAL);
	xml_close(xml);
	xml_open(xml, "channel");
	xml_attribute(xml, "type", "unix");
	write_socket(xml, root, NAMESPACE_CHANNEL);
	xml_open(xml, "target");
	xml_attribute(xml, "type", "virtio");
	xml_attribute(xml, "name", WIRE_PORT);
	xml_close(xml);
	xml_close(xml);
}

static void write_rng(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "rng");
	xml_attribute(xml, "model", virtio_model(machine));
	xml_leaf(xml, "backend", "model", "builtin");
	xml_slot(xml, SLOT_RNG);
	xml_close(xml);
}

/*
 * Served by QEMU itself, so with the job's user's rights. "squash" is QEMU's
 * security model "none": files are the user's, whoever made them in the guest,
 * and modes and owners are the host's own.
 */
static void write_mount(struct xml *xml, const struct machine *machine, unsigned int number, const char *root)
{
	const struct mounts_entry *entry = &machine->mounts.entries[number];
	char text[64];

	xml_open(xml, "filesystem");
	xml_attribute(xml, "type", "mount");
	xml_attribute(xml, "model", virtio_model(machine));
	xml_attribute(xml, "accessmode", "squash");
	/* inode numbers of several file systems, mounted below the directory, do not meet */
	xml_attribute(xml, "multidevs", "remap");
	(void)str_print(text, sizeof(text), NAMESPACE_MOUNT "/%u", number);
	xml_path(xml, "source", "dir", root, text);
	(void)str_print(text, sizeof(text), WIRE_MOUNT_TAG, number);
	xml_leaf(xml, "target", "dir", text);
	if (entry->flags & MOUNTS_READ_ONLY)
		xml_leaf(xml, "readonly", NULL, NULL);
	xml_slot(xml, SLOT_MOUNT + number);
	xml_close(xml);
}

/* Served by a virtiofsd of ours: libvirt would start one as root. */
static void write_virtiofs(struct xml *xml, unsigned int number, const char *root)
{
	char text[64];

	xml_open(xml, "filesystem");
	xml_attribute(xml, "type", "mount");
	xml_leaf(xml, "driver", "type", "virtiofs");
	(void)str_print(text, sizeof(text), NAMESPACE_VIRTIOFS "/%u", number);
	xml_path(xml, "source", "socket", root, text);
	(void)str_print(text, sizeof(text), WIRE_MOUNT_TAG, number);
	xml_leaf(xml, "target", "dir", text);
	xml_slot(xml, SLOT_MOUNT + number);
	xml_close(xml);
}

static unsigned int network_slot(unsigned int number)
{
	return number == 0 ? SLOT_NETWORK : SLOT_NETWORKS + number - 1;
}

static void write_devices(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "devices");
	xml_text(xml, "emulator", machine->emulator);
	write_disk(xml, machine, root);
	if (machine->seed)
		write_seed(xml, machine, root);
	xml_open(xml, "controller");
	xml_attribute(xml, "type", "usb");
	xml_attribute(xml, "model", "none");
	xml_close(xml);
	for (unsigned int i = 0; i < machine->network_count; i++)
		if (!machine->networks[i].passt)
			domain_write_network(xml, &machine->networks[i], virtio_model(machine), network_slot(i));
	domain_write_devices(xml, &machine->devices);
	write_console(xml, machine, root);
	write_channel(xml, machine, root);
	write_rng(xml, machine);
	for (unsigned int i = 0; i < machine->mounts.count; i++) {
		if (machine->virtiofsd)
			write_virtiofs(xml, i, root);
		else
			write_mount(xml, machine, i, root);
	}
	xml_leaf(xml, "panic", "model", "isa");
	domain_write_balloon(xml, machine, virtio_model(machine), SLOT_BALLOON);
	xml_close(xml);
}

static void write_domain(struct xml *xml, const struct machine *machine, const char *root)
{
	xml_open(xml, "domain");
	xml_attribute(xml, "type", machine->kvm ? "kvm" : "qemu");
	xml_attribute(xml, "xmlns:qemu", DOMAIN_PASST_SPACE);
	xml_text(xml, "name", machine->name);
	xml_text(xml, "uuid", machine->uuid);
	domain_write_memory(xml, machine);
	domain_write_cpus(xml, machine);
	if (machine->disk_iothread)
		xml_number(xml, "iothreads", NULL, 1);
	write_boot(xml, machine, root);
	write_features(xml, machine);
	xml_leaf(xml, "clock", "offset", "utc");
	write_lifecycle(xml);
	write_devices(xml, machine, root);
	domain_write_passt(xml, machine, virtio_model(machine), root, network_slot);
	xml_close(xml);
}

char *domain_xml(const struct machine *machine, const char *root)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	struct xml xml = {buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL, false};
	char *text = NULL;

	if (!xml.writer)
		goto out;
	write_domain(&xml, machine, root);
	xml.failed |= xmlTextWriterEndDocument(xml.writer) < 0 || xmlTextWriterFlush(xml.writer) < 0;
	if (!xml.failed)
		text = strdup((const char *)xmlBufferContent(buffer));
out:
	if (xml.writer)
		xmlFreeTextWriter(xml.writer);
	if (buffer)
		xmlBufferFree(buffer);
	return text;
}
