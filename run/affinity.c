/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs that Slurm has bound this task to, as the guest counts them: its
 * n-th CPU stands for the n-th of the job's on this node.
 */
#include "run/run.h"

#include <string.h>

#include "common/range.h"

#define MASK_BYTES 128U /* 1024 CPUs */

size_t run_affinity_map(const char *cpus, const cpu_set_t *bound, uint8_t *mask)
{
	struct range range;
	size_t count = 0, found = 0;

	memset(mask, 0, MASK_BYTES);
	while (range_next(&cpus, &range)) {
		for (unsigned int cpu = range.first; cpu <= range.last; cpu++, count++) {
			if (cpu >= CPU_SETSIZE || count >= 8UL * MASK_BYTES)
				return 0;
			if (!CPU_ISSET(cpu, bound))
				continue;
			mask[count / 8] = (uint8_t)(mask[count / 8] | 1U << count % 8);
			found++;
		}
	}
	return *cpus == 0 && found > 0 && found < count ? (count + 7) / 8 : 0;
}

void run_affinity_add(struct run *run)
{
	uint8_t mask[MASK_BYTES];
	struct kv state = {0};
	const char *cpus;
	cpu_set_t bound;
	uint8_t *room;
	size_t length = 0;

	if (kv_load(&state, run->dir_fd, "state") == 0 && (cpus = kv_get(&state, "cpuset")) &&
	    sched_getaffinity(0, sizeof(bound), &bound) == 0)
		length = run_affinity_map(cpus, &bound, mask);
	kv_free(&state);
	if (length == 0 || run->spec.used > WIRE_SPEC_MAX - wire_attribute_size(length))
		return;
	room = queue_reserve(&run->spec, wire_attribute_size(length));
	if (room)
		queue_commit(&run->spec, wire_put_attribute(room, WIRE_AFFINITY, mask, length));
}
