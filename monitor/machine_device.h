/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's PCI devices of the machine description: `devices`, device.I.pci, and `vfio`, their IOMMU groups. */
#ifndef WNODES_MONITOR_MACHINE_DEVICE_H
#define WNODES_MONITOR_MACHINE_DEVICE_H

#include "common/kv.h"

#define MACHINE_DEVICES_MAX 16U
#define MACHINE_GROUPS_MAX 64U

/* The texts point into the kv. */
struct machine_devices {
	const char *pci[MACHINE_DEVICES_MAX]; /* DDDD:BB:SS.F; besides the VFs of networks */
	unsigned int count;
	unsigned int groups[MACHINE_GROUPS_MAX]; /* of the VFs, too */
	unsigned int group_count;
};

/**
 * Read what the description has. Returns 0, or -EINVAL with the key that is
 * wrong in *key and what is in *problem; both texts live until the next call.
 */
int machine_device_read(const struct kv *kv, struct machine_devices *devices, const char **key, const char **problem);

#endif
