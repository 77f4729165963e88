/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_network.h"

#include <stdio.h>

/* The VF is programmed and vfio-pci's already: libvirt only hands it to QEMU. */
static void write_hostdev(struct xml *xml, const struct machine_network *network, unsigned int slot)
{
	unsigned int domain = 0, bus = 0, device = 0, function = 0;

	xml->failed |= sscanf(network->pci, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4;
	xml_open(xml, "hostdev");
	xml_attribute(xml, "mode", "subsystem");
	xml_attribute(xml, "type", "pci");
	xml_attribute(xml, "managed", "no");
	xml_open(xml, "source");
	xml_open(xml, "address");
	xml_format(xml, "domain", "0x%04x", domain);
	xml_format(xml, "bus", "0x%02x", bus);
	xml_format(xml, "slot", "0x%02x", device);
	xml_format(xml, "function", "0x%x", function);
	xml_close(xml);
	xml_close(xml);
	xml_slot(xml, slot);
	xml_close(xml);
}

void domain_write_network(struct xml *xml, const struct machine_network *network, const char *model, unsigned int slot)
{
	if (network->kind == MACHINE_SRIOV) {
		write_hostdev(xml, network, slot);
		return;
	}
	xml_open(xml, "interface");
	xml_attribute(xml, "type", network->kind == MACHINE_USER ? "user" : "ethernet");
	xml_leaf(xml, "mac", "address", network->mac);
	if (network->target) {
		xml_open(xml, "target");
		xml_attribute(xml, "dev", network->target);
		xml_attribute(xml, "managed", "no");
		xml_close(xml);
	}
	xml_leaf(xml, "model", "type", model);
	xml_leaf(xml, "rom", "enabled", "no");
	xml_slot(xml, slot);
	xml_close(xml);
}
