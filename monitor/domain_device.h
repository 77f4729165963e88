/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's PCI devices in the domain. */
#ifndef WNODES_MONITOR_DOMAIN_DEVICE_H
#define WNODES_MONITOR_DOMAIN_DEVICE_H

#include "monitor/machine_device.h"
#include "monitor/xml.h"

#define DOMAIN_OWN_PORT 0U /* the device is behind a PCIe root port of its own, as it is on the host */

/**
 * Write the device at this address of the host's (DDDD:BB:SS.F) at that slot
 * of the root bus. It is vfio-pci's already: libvirt only hands it to QEMU.
 */
void domain_write_hostdev(struct xml *xml, const char *pci, unsigned int slot);

/** Write all of them, each behind a port of its own. */
void domain_write_devices(struct xml *xml, const struct machine_devices *devices);

#endif
