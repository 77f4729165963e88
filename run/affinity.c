/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs that Slurm has bound this task to, as the guest counts them: its
 * n-th CPU stands for the n-th of the job's on this node.
 */
#include "run/run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MASK_BYTES 128U /* 1024 CPUs */

/* The next `FIRST[-LAST]` of a list; false at its end, and where it is none (*list is NULL then). */
static bool next_range(const char **list, unsigned long *first, unsigned long *last)
{
	const char *p = *list;
	char *end;

	if (*p == 0)
		return false;
	*list = NULL;
	if (!isdigit((unsigned char)*p))
		return false;
	*first = *last = strtoul(p, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*last = strtoul(end + 1, &end, 10);
	if ((*end && *end != ',') || (*end == ',' && !end[1]) || *last < *first || *last >= CPU_SETSIZE)
		return false;
	*list = end + (*end == ',');
	return true;
}

size_t run_affinity_map(const char *cpus, const cpu_set_t *bound, uint8_t *mask)
{
	unsigned long first, last;
	size_t count = 0, found = 0;

	memset(mask, 0, MASK_BYTES);
	while (next_range(&cpus, &first, &last)) {
		for (unsigned long cpu = first; cpu <= last; cpu++, count++) {
			if (count >= 8UL * MASK_BYTES)
				return 0;
			if (!CPU_ISSET(cpu, bound))
				continue;
			mask[count / 8] = (uint8_t)(mask[count / 8] | 1U << count % 8);
			found++;
		}
	}
	return cpus && found > 0 && found < count ? (count + 7) / 8 : 0;
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
