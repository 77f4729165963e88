/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's /dev/vfio: a node for each of its IOMMU groups, the job's
 * user's, and the one of VFIO itself. The host's own stay root's.
 */
#ifndef WNODES_MONITOR_VFIO_H
#define WNODES_MONITOR_VFIO_H

#include <stdbool.h>
#include <sys/types.h>

#include "monitor/machine.h"

/* Numbers of the host's nodes. */
struct vfio_nodes {
	dev_t container;
	dev_t groups[MACHINE_GROUPS_MAX];
};

/** Before the host's /dev is covered: what it has. Returns 0 or a negative errno (-ENOENT: a group has no node). */
int vfio_find(const struct machine_devices *devices, struct vfio_nodes *nodes);

/** Make /dev/vfio in the private /dev, where the machine has groups. Returns 0 or a negative errno. */
int vfio_make(const struct machine *machine, const struct vfio_nodes *nodes);

/**
 * The PCI device that libvirt calls alias (hostdev0, …: in the order of the
 * domain's XML), of network where it is a VF; NULL where alias is another device's.
 */
const char *vfio_device(const struct machine *machine, const char *alias, const char **network);

/** Whether the host's device, a folder of devices, has vfio-pci as its driver still, after a moment. */
bool vfio_is_bound(const char *devices, const char *pci);

/** Once QEMU has them open: its nodes are in no folder any more. */
void vfio_hide(const struct machine *machine);

#endif
