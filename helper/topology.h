/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job's CPUs as the host has them: sockets, cores, threads, NUMA nodes. From sysfs. */
#ifndef WNODES_HELPER_TOPOLOGY_H
#define WNODES_HELPER_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#define TOPOLOGY_SYSFS "/sys/devices/system"
#define TOPOLOGY_NODES 64U

struct topology_cpu {
	unsigned int cpu, node, package, die, core;
};

/* CPUs of a NUMA node, which follow each other in topology's. */
struct topology_node {
	unsigned int node, cpus;
};

/* topology_free() when done. */
struct topology {
	struct topology_cpu *cpus; /* in the order in which the machine's vCPUs are theirs */
	unsigned int count;
	unsigned int sockets, cores, threads; /* their product is count */
	struct topology_node nodes[TOPOLOGY_NODES];
	unsigned int node_count;
};

/**
 * Read what sysfs (TOPOLOGY_SYSFS, but in tests) says of the CPUs in list
 * ("0-3,8"). A topology has as many cores in each socket and as many threads
 * in each core: where the job's CPUs have not, they are cores without
 * threads, and sockets of as many of them as divides each real socket's. The
 * part of a socket that is a NUMA node of its own is a socket. Returns 0, or
 * -EINVAL (no list), -ENOENT (sysfs does not say), -E2BIG (more nodes than
 * TOPOLOGY_NODES) or -ENOMEM; then there is nothing to free.
 */
int topology_read(struct topology *topology, const char *sysfs, const char *list);

/**
 * Divide mib of memory among the nodes as the CPUs are, in multiples of unit
 * (MiB); shares[node_count]. Returns 0, or -ERANGE where a node's share is
 * less than least or mib is no multiple of unit.
 */
int topology_share(const struct topology *topology, uint64_t mib, uint64_t unit, uint64_t least, uint64_t *shares);

void topology_free(struct topology *topology);

#endif
