/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/topology.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/range.h"
#include "common/str.h"
#include "helper/cgroup_path.h"
#include "helper/fs.h"

/* A file of the CPU's topology; missing (-1 in it, or no file) is -ENOENT. */
static int read_number(const char *folder, const char *file, unsigned int *number)
{
	char path[PATH_MAX], text[32];
	uint64_t value;
	int rc = str_print(path, sizeof(path), "%s/topology/%s", folder, file);

	if (rc == 0)
		rc = (int)fs_read(AT_FDCWD, path, text, sizeof(text));
	if (rc < 0)
		return rc;
	text[strcspn(text, "\n")] = 0;
	if (str_u64(text, 0, INT_MAX, &value) < 0)
		return -ENOENT;
	*number = (unsigned int)value;
	return 0;
}

/* The CPU's node by its folder's link nodeN; 0 on a kernel without NUMA. */
static int read_node(const char *folder, unsigned int *node)
{
	DIR *stream = opendir(folder);
	const struct dirent *entry;
	uint64_t value;

	*node = 0;
	if (!stream)
		return -errno;
	while ((entry = readdir(stream)) != NULL)
		if (strncmp(entry->d_name, "node", 4) == 0 && str_u64(entry->d_name + 4, 0, INT_MAX, &value) == 0)
			*node = (unsigned int)value;
	(void)closedir(stream);
	return 0;
}

static int read_cpu(const char *sysfs, struct topology_cpu *cpu)
{
	char folder[PATH_MAX];
	int rc = str_print(folder, sizeof(folder), "%s/cpu/cpu%u", sysfs, cpu->cpu);

	if (rc == 0)
		rc = read_node(folder, &cpu->node);
	if (rc == 0)
		rc = read_number(folder, "physical_package_id", &cpu->package);
	if (rc == 0)
		rc = read_number(folder, "core_id", &cpu->core);
	/* kernels before 5.2 have none */
	if (rc == 0 && read_number(folder, "die_id", &cpu->die) < 0)
		cpu->die = 0;
	return rc;
}

static int compare_numbers(unsigned int one, unsigned int other)
{
	return (one > other) - (one < other);
}

static int compare(const void *a, const void *b)
{
	const struct topology_cpu *one = a, *other = b;
	int rc = compare_numbers(one->node, other->node);

	rc = rc ? rc : compare_numbers(one->package, other->package);
	rc = rc ? rc : compare_numbers(one->die, other->die);
	rc = rc ? rc : compare_numbers(one->core, other->core);
	return rc ? rc : compare_numbers(one->cpu, other->cpu);
}

static bool same_socket(const struct topology_cpu *one, const struct topology_cpu *other)
{
	return one->node == other->node && one->package == other->package;
}

static bool same_core(const struct topology_cpu *one, const struct topology_cpu *other)
{
	return same_socket(one, other) && one->die == other->die && one->core == other->core;
}

static unsigned int divisor(unsigned int a, unsigned int b)
{
	while (b) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * The lengths of the runs of CPUs that are the same: their greatest common
 * divisor; all of them are that long where *even stays true.
 */
static unsigned int run_length(const struct topology *topology,
                               bool (*same)(const struct topology_cpu *, const struct topology_cpu *), bool *even)
{
	const struct topology_cpu *cpus = topology->cpus;
	unsigned int length = 0, common = 0, first = 0;

	*even = true;
	for (unsigned int i = 0; i < topology->count; i++) {
		length++;
		if (i + 1 < topology->count && same(&cpus[i], &cpus[i + 1]))
			continue;
		first = first ? first : length;
		*even &= length == first;
		common = divisor(common, length);
		length = 0;
	}
	return common ? common : 1;
}

static void find_shape(struct topology *topology)
{
	bool even;
	unsigned int threads = run_length(topology, same_core, &even);
	unsigned int socket;

	topology->threads = even ? threads : 1;
	socket = run_length(topology, same_socket, &even);
	topology->sockets = topology->count / socket;
	topology->cores = socket / topology->threads;
}

static int find_nodes(struct topology *topology)
{
	for (unsigned int i = 0; i < topology->count; i++) {
		unsigned int node = topology->cpus[i].node;

		if (i == 0 || topology->cpus[i - 1].node != node) {
			if (topology->node_count == TOPOLOGY_NODES)
				return -E2BIG;
			topology->nodes[topology->node_count++].node = node;
		}
		topology->nodes[topology->node_count - 1].cpus++;
	}
	return 0;
}

static int read_cpus(struct topology *topology, const char *sysfs, const char *list)
{
	struct range range;
	int rc = 0;

	while (rc == 0 && range_next(&list, &range))
		for (unsigned int cpu = range.first; rc == 0 && cpu <= range.last; cpu++) {
			struct topology_cpu *next = &topology->cpus[topology->count++];

			next->cpu = cpu;
			rc = read_cpu(sysfs, next);
		}
	return rc;
}

int topology_read(struct topology *topology, const char *sysfs, const char *list)
{
	unsigned int count = cgroup_count_cpus(list);
	int rc;

	*topology = (struct topology){0};
	if (count == 0)
		return -EINVAL;
	topology->cpus = calloc(count, sizeof(*topology->cpus));
	if (!topology->cpus)
		return -ENOMEM;
	rc = read_cpus(topology, sysfs, list);
	if (rc == 0) {
		qsort(topology->cpus, topology->count, sizeof(*topology->cpus), compare);
		find_shape(topology);
		rc = find_nodes(topology);
	}
	if (rc < 0)
		topology_free(topology);
	return rc == 0 || rc == -ENOMEM || rc == -E2BIG ? rc : -ENOENT;
}

int topology_share(const struct topology *topology, uint64_t mib, uint64_t unit, uint64_t least, uint64_t *shares)
{
	uint64_t left = mib;

	if (mib % unit != 0)
		return -ERANGE;
	for (unsigned int i = topology->node_count; i-- > 0;) {
		shares[i] = i == 0 ? left : mib / unit * topology->nodes[i].cpus / topology->count * unit;
		left -= shares[i];
		if (shares[i] < least)
			return -ERANGE;
	}
	return 0;
}

void topology_free(struct topology *topology)
{
	free(topology->cpus);
	*topology = (struct topology){0};
}
