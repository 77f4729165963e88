/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/domain_cpus.h"

#include "common/str.h"

#define CPUSET_MAX (6U * 256U) /* bytes of a list of the most vCPUs' CPUs */

/* The CPUs of all vCPUs as a list, into text[CPUSET_MAX]. */
static void all_cpus(const struct machine *machine, char *text)
{
	size_t used = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < machine->vcpus; i++) {
		(void)str_print(text + used, CPUSET_MAX - used, "%s%u", i ? "," : "", machine->cpus[i]);
		while (text[used])
			used++;
	}
}

/*
 * The cpuset of vcpu is where libvirt puts what has no pin of its own: QEMU's
 * main loop, its workers and iothreads. It sets the threads' affinity, as
 * cgroup_controllers is empty; the job's cpuset cgroup bounds it.
 */
static void write_pins(struct xml *xml, const struct machine *machine)
{
	char cpus[CPUSET_MAX];

	xml_open(xml, "vcpu");
	if (machine->cpus) {
		all_cpus(machine, cpus);
		xml_attribute(xml, "placement", "static");
		xml_attribute(xml, "cpuset", cpus);
	}
	xml->failed |= xmlTextWriterWriteFormatString(xml->writer, "%u", machine->vcpus) < 0;
	xml_close(xml);
	if (!machine->cpus)
		return;
	xml_open(xml, "cputune");
	for (unsigned int i = 0; i < machine->vcpus; i++) {
		xml_open(xml, "vcpupin");
		xml_format(xml, "vcpu", "%u", i);
		xml_format(xml, "cpuset", "%u", machine->cpus[i]);
		xml_close(xml);
	}
	xml_close(xml);
}

static void write_cells(struct xml *xml, const struct machine *machine)
{
	if (machine->cell_count == 0)
		return;
	xml_open(xml, "numa");
	for (unsigned int i = 0; i < machine->cell_count; i++) {
		const struct machine_cell *cell = &machine->cells[i];

		xml_open(xml, "cell");
		xml_format(xml, "id", "%u", i);
		xml_format(xml, "cpus", "%u-%u", cell->first, cell->first + cell->vcpus - 1);
		xml_format(xml, "memory", "%llu", (unsigned long long)cell->memory_mib);
		xml_attribute(xml, "unit", "MiB");
		xml_close(xml);
	}
	xml_close(xml);
}

/* migratable=off: what the host's CPU has and could not move to another, such as the invariant TSC. */
static void write_cpu(struct xml *xml, const struct machine *machine)
{
	xml_open(xml, "cpu");
	xml_attribute(xml, "mode", machine->kvm ? "host-passthrough" : "maximum");
	if (machine->kvm)
		xml_attribute(xml, "migratable", "off");
	xml_open(xml, "topology");
	xml_format(xml, "sockets", "%u", machine->sockets);
	xml_format(xml, "cores", "%u", machine->cores);
	xml_format(xml, "threads", "%u", machine->threads);
	xml_close(xml);
	if (machine->topoext) {
		xml_open(xml, "feature");
		xml_attribute(xml, "policy", "require");
		xml_attribute(xml, "name", "topoext");
		xml_close(xml);
	}
	write_cells(xml, machine);
	xml_close(xml);
}

static void write_numatune(struct xml *xml, const struct machine *machine)
{
	if (machine->cell_count == 0)
		return;
	xml_open(xml, "numatune");
	for (unsigned int i = 0; i < machine->cell_count; i++) {
		xml_open(xml, "memnode");
		xml_format(xml, "cellid", "%u", i);
		xml_attribute(xml, "mode", machine->numa_strict ? "strict" : "preferred");
		xml_format(xml, "nodeset", "%u", machine->cells[i].node);
		xml_close(xml);
	}
	xml_close(xml);
}

void domain_write_cpus(struct xml *xml, const struct machine *machine)
{
	write_pins(xml, machine);
	write_cpu(xml, machine);
	write_numatune(xml, machine);
}
