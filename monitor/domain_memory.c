/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_memory.h"

static void write_hugepages(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "hugepages");
	xml_open(xml, "page");
	xml_format(xml, "size", "%llu", (unsigned long long)machine->hugepage_kib);
	xml_attribute(xml, "unit", "KiB");
	xml_close(xml);
	xml_close(xml);
}

static void write_allocation(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "allocation");
	xml_attribute(xml, "mode", "immediate");
	xml_format(xml, "threads", "%u", machine->vcpus);
	xml_close(xml);
}

/*
 * Hugepages are always allocated at once, by libvirt's own rule. They come by a memfd: that takes no hugetlbfs mounted,
 * of which libvirt would make and chown folders. virtiofsd maps the memory that QEMU does.
 */
void domain_write_memory(struct xml *xml, const struct machine *machine)
{
	bool shared = machine->virtiofsd && machine->mounts.count > 0;

	xml_number(xml, "memory", "MiB", machine->memory_mib);
	xml_open(xml, "memoryBacking");
	if (machine->hugepage_kib)
		write_hugepages(xml, machine);
	xml_leaf(xml, "nosharepages", NULL, NULL);
	if (shared || machine->hugepage_kib)
		xml_leaf(xml, "source", "type", "memfd");
	if (shared)
		xml_leaf(xml, "access", "mode", "shared");
	if (machine->memory_prealloc || machine->hugepage_kib)
		write_allocation(xml, machine);
	xml_close(xml);
}

void domain_write_balloon(struct xml *xml, const struct machine *machine, const char *model, unsigned int slot)
{
	xml_open(xml, "memballoon");
	xml_attribute(xml, "model", machine->free_page_reporting ? model : "none");
	if (machine->free_page_reporting) {
		xml_attribute(xml, "freePageReporting", "on");
		xml_slot(xml, slot);
	}
	xml_close(xml);
}
