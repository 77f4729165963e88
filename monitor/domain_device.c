/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_device.h"

#include <stdio.h>

static void write_source(struct xml *xml, const char *pci)
{
	unsigned int domain = 0, bus = 0, slot = 0, function = 0;

	xml->failed |= sscanf(pci, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4;
	xml_open(xml, "source");
	xml_open(xml, "address");
	xml_format(xml, "domain", "0x%04x", domain);
	xml_format(xml, "bus", "0x%02x", bus);
	xml_format(xml, "slot", "0x%02x", slot);
	xml_format(xml, "function", "0x%x", function);
	xml_close(xml);
	xml_close(xml);
}

void domain_write_hostdev(struct xml *xml, const char *pci, unsigned int slot)
{
	xml_open(xml, "hostdev");
	xml_attribute(xml, "mode", "subsystem");
	xml_attribute(xml, "type", "pci");
	xml_attribute(xml, "managed", "no");
	write_source(xml, pci);
	/* the firmware would execute what a former machine may have written there */
	xml_leaf(xml, "rom", "enabled", "no");
	if (slot != DOMAIN_OWN_PORT)
		xml_slot(xml, slot);
	xml_close(xml);
}

void domain_write_devices(struct xml *xml, const struct machine_devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++)
		domain_write_hostdev(xml, devices->pci[i], DOMAIN_OWN_PORT);
}
