/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/qcow2.h"

#include "common/size.h"

static uint64_t in_clusters(uint64_t bytes, uint64_t cluster)
{
	return (bytes + cluster - 1) / cluster;
}

uint64_t qcow2_most(uint64_t disk, uint64_t cluster, bool extended_l2)
{
	/* docs/interop/qcow2.txt of QEMU: L2 entries, L1 entries of 8 bytes, reference counts of 2 */
	uint64_t data = in_clusters(disk, cluster);
	uint64_t l2 = in_clusters(data * (extended_l2 ? 16 : 8), cluster);
	uint64_t l1 = in_clusters(l2 * 8, cluster);
	uint64_t counts = in_clusters((data + l2 + l1) * 2, cluster) + 1;
	/* leaves its old places behind when it grows */
	uint64_t table = in_clusters(counts * 8, cluster) * 3;

	/* the header, and what counts the counts */
	return (data + l2 + l1 + counts + table + 16) * cluster + MIB;
}
