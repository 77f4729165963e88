/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/range.h"
#include "common/str.h"
#include "helper/accelerator.h"
#include "helper/config_machine.h"
#include "helper/hugepages.h"
#include "helper/topology.h"

#define CELL_MIB 64U /* less is not worth a NUMA node; Linux takes none of less than 4 */

/* Whether this process, which has the job's cpuset, may run on all of the topology's CPUs. */
static bool may_run(const struct topology *topology)
{
	unsigned int most = 0;
	cpu_set_t *set;
	size_t size;
	bool may;

	for (unsigned int i = 0; i < topology->count; i++)
		most = topology->cpus[i].cpu > most ? topology->cpus[i].cpu : most;
	/* the kernel's mask may be longer than the CPUs named here */
	most = most < 65535 ? 65535 : most;
	set = CPU_ALLOC(most + 1);
	size = CPU_ALLOC_SIZE(most + 1);
	may = set && sched_getaffinity(0, size, set) == 0;
	for (unsigned int i = 0; may && i < topology->count; i++)
		may = CPU_ISSET_S(topology->cpus[i].cpu, size, set);
	CPU_FREE(set);
	return may;
}

/* Set key to the host's CPU of each vCPU. */
static int put_pins(const struct topology *topology, struct kv *kv, const char *key)
{
	char text[KV_VALUE_MAX];
	size_t used = 0;

	for (unsigned int i = 0; i < topology->count; i++) {
		int rc = str_print(text + used, sizeof(text) - used, "%s%u", i ? "," : "", topology->cpus[i].cpu);

		if (rc < 0)
			return rc;
		used += strlen(text + used);
	}
	return kv_set(kv, key, text);
}

/* TCG has no threads on AMD's CPUs, nor anything that two of a core would share: they are cores. */
static int put_shape(const struct topology *topology, bool tcg, struct kv *machine)
{
	unsigned int threads = tcg ? 1 : topology->threads;
	int rc = kv_setf(machine, "topology.sockets", "%u", topology->sockets);

	if (rc == 0)
		rc = kv_setf(machine, "topology.cores", "%u", topology->count / topology->sockets / threads);
	if (rc == 0)
		rc = kv_setf(machine, "topology.threads", "%u", threads);
	return rc == 0 && threads > 1 && accelerator_cpu_has("topoext") ? kv_set(machine, "topoext", "yes") : rc;
}

static bool has_node(const char *list, unsigned int node)
{
	struct range range;

	while (range_next(&list, &range))
		if (node >= range.first && node <= range.last)
			return true;
	return false;
}

/* Whether the job may have memory of every node of its CPUs. */
static bool has_nodes(const struct topology *topology, const char *list)
{
	for (unsigned int i = 0; list && i < topology->node_count; i++)
		if (!has_node(list, topology->nodes[i].node))
			return false;
	return true;
}

/* A cell of the guest for each node that the job's CPUs are of. */
static int put_cells(const struct topology *topology, const struct record *record, const struct config *config,
                     struct kv *machine)
{
	uint64_t shares[TOPOLOGY_NODES], mib = 0;
	uint64_t unit = config->machine.hugepage_kib ? config->machine.hugepage_kib >> 10 : 1;
	char key[32];
	int rc = kv_get_u64(&record->kv, "memory_mib", 1, UINT64_MAX, &mib);

	if (rc < 0 || topology->node_count < 2 || config->machine.numa == CONFIG_NO ||
	    !has_nodes(topology, kv_get(&record->kv, "cpuset_mems")) ||
	    topology_share(topology, mib, unit, CELL_MIB, shares) < 0)
		return rc;
	for (unsigned int i = 0; rc == 0 && i < topology->node_count; i++) {
		(void)str_print(key, sizeof(key), "numa.%u.node", i);
		rc = kv_setf(machine, key, "%u", topology->nodes[i].node);
		(void)str_print(key, sizeof(key), "numa.%u.vcpus", i);
		if (rc == 0)
			rc = kv_setf(machine, key, "%u", topology->nodes[i].cpus);
		(void)str_print(key, sizeof(key), "numa.%u.memory_mib", i);
		if (rc == 0)
			rc = kv_setf(machine, key, "%" PRIu64, shares[i]);
	}
	return rc == 0 && config->machine.numa_strict == CONFIG_YES ? kv_set(machine, "numa_strict", "yes") : rc;
}

/* Without pins a vCPU is nowhere in particular: one socket, and cores. */
static int put_flat(const struct record *record, struct kv *machine)
{
	int rc = kv_set(machine, "topology.sockets", "1");

	if (rc == 0)
		rc = kv_set(machine, "topology.cores", kv_get(&record->kv, "vcpus"));
	return rc == 0 ? kv_set(machine, "topology.threads", "1") : rc;
}

int placement_cpus(const struct topology *topology, const struct record *record, const struct config *config, bool tcg,
                   struct kv *machine)
{
	int rc = put_pins(topology, machine, "cpus");

	if (rc == 0)
		rc = put_shape(topology, tcg, machine);
	return rc == 0 ? put_cells(topology, record, config, machine) : rc;
}

static int put_cpus(const struct record *record, const struct config *config, bool tcg, struct kv *machine)
{
	const char *list = kv_get(&record->kv, "cpuset");
	struct topology topology;
	int rc;

	if (!list || config->machine.pinning == CONFIG_NO || topology_read(&topology, TOPOLOGY_SYSFS, list) < 0)
		return put_flat(record, machine);
	if (!may_run(&topology)) {
		topology_free(&topology);
		return put_flat(record, machine);
	}
	rc = placement_cpus(&topology, record, config, tcg, machine);
	topology_free(&topology);
	return rc;
}

static int put_memory(const struct config *config, struct kv *machine)
{
	int rc = 0;

	if (config->machine.hugepage_kib)
		rc = kv_setf(machine, "hugepage_kib", "%" PRIu64, config->machine.hugepage_kib);
	if (rc == 0 && config->machine.prealloc == CONFIG_YES)
		rc = kv_set(machine, "memory_prealloc", "yes");
	return rc == 0 && config_machine_reports(config) ? kv_set(machine, "free_page_reporting", "yes") : rc;
}

int placement_order(const struct config *config, struct kv *kv)
{
	const char *list = kv_get(kv, "cpuset");
	struct topology topology;
	int rc;

	if (!list || config->machine.pinning == CONFIG_NO || topology_read(&topology, TOPOLOGY_SYSFS, list) < 0)
		return 0;
	rc = put_pins(&topology, kv, "cpuset");
	topology_free(&topology);
	return rc;
}

int placement_check(const struct record *record, const struct config *config, struct failure *why)
{
	uint64_t mib = 0;

	if (!config->machine.hugepage_kib)
		return 0;
	if (kv_get_u64(&record->kv, "memory_mib", 1, UINT64_MAX, &mib) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	return hugepages_check(HUGEPAGES_SYSFS, config->machine.hugepage_kib, mib, why);
}

int placement_describe(const struct record *record, const struct config *config, struct kv *machine,
                       struct failure *why)
{
	const char *accelerator = kv_get(&record->kv, "accelerator");
	bool tcg = accelerator && strcmp(accelerator, "tcg") == 0;
	int rc = put_cpus(record, config, tcg, machine);

	if (rc == 0)
		rc = put_memory(config, machine);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot describe the machine's CPUs and memory: %s", strerror(-rc));
	return 0;
}
