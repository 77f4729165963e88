/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_network.h"

#include "monitor/domain_device.h"

void domain_write_network(struct xml *xml, const struct machine_network *network, const char *model, unsigned int slot)
{
	if (network->kind == MACHINE_SRIOV) {
		domain_write_hostdev(xml, network->pci, slot);
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
