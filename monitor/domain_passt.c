/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_passt.h"

#include <limits.h>
#include <string.h>

#include "common/str.h"
#include "monitor/namespace.h"

static void write_argument(struct xml *xml, const char *text)
{
	xml_leaf(xml, "qemu:arg", "value", text);
}

/* libvirt's "virtio-MODEL" is QEMU's "virtio-net-pci-MODEL". */
static const char *device_model(const char *model)
{
	return strcmp(model, "virtio-transitional") == 0 ? "virtio-net-pci-transitional"
	                                                 : "virtio-net-pci-non-transitional";
}

static void write_nic(struct xml *xml, const struct machine *machine, unsigned int number, const char *model,
                      const char *root, unsigned int slot)
{
	const char *bus = strstr(machine->machine, "q35") ? "pcie.0" : "pci.0";
	char text[PATH_MAX];

	xml->failed |= str_print(text, sizeof(text),
	                         "stream,id=passt%u,server=off,addr.type=unix,addr.path=%s/" NAMESPACE_PASST "/%u",
	                         number, root, number) < 0;
	write_argument(xml, "-netdev");
	write_argument(xml, text);
	xml->failed |= str_print(text, sizeof(text),
	                         "%s,id=nic%u,netdev=passt%u,mac=%s,bus=%s,addr=0x%x,romfile=", device_model(model),
	                         number, number, machine->networks[number].mac, bus, slot) < 0;
	write_argument(xml, "-device");
	write_argument(xml, text);
}

void domain_write_passt(struct xml *xml, const struct machine *machine, const char *model, const char *root,
                        unsigned int (*slot_of)(unsigned int number))
{
	if (!machine->passt)
		return;
	xml_open(xml, "qemu:commandline");
	for (unsigned int i = 0; i < machine->network_count; i++)
		if (machine->networks[i].passt)
			write_nic(xml, machine, i, model, root, slot_of(i));
	xml_close(xml);
}
