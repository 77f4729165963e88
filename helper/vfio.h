/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handing a PCI device to a machine and taking it back: bound to vfio-pci by
 * driver_override, and to its own driver again. Each write to sysfs is bounded
 * (helper/bounded.h). What is done here is the caller's to journal first.
 */
#ifndef WNODES_HELPER_VFIO_H
#define WNODES_HELPER_VFIO_H

#include <stdbool.h>

#include "common/kv.h"
#include "helper/failure.h"
#include "helper/pci.h"

#define VFIO_DRIVER "vfio-pci"
#define VFIO_GROUPS_MAX 64U /* of one machine */

/**
 * Whether the device could be bound, touching nothing: it is there, vfio-pci is
 * loaded, nobody else has set its driver_override, and its IOMMU group (*group)
 * holds it alone; else the group's members are named. Returns 0, or a negative
 * errno with why (EXIT_NODE): -ENODEV (the device is not there), -ENOENT (no
 * vfio-pci, no IOMMU), -EXDEV (other members), -EBUSY (driver_override).
 */
int vfio_check(const struct pci_address *address, unsigned int *group, struct failure *why);

/**
 * Bind the device to vfio-pci, after vfio_check(); *group is its IOMMU group.
 * One that is bound to it already stays so. Returns 0, or a negative errno with
 * why (EXIT_NODE): vfio_check()'s; -ETIMEDOUT (the kernel does not answer: the
 * device is to be given up); -EBUSY (somebody has its group open). After a
 * failure vfio_restore() puts it back.
 */
int vfio_bind(const struct pci_address *address, unsigned int *group, struct failure *why);

/**
 * Bind the device to the driver that it had, "" for none, and clear its
 * driver_override; one that had vfio-pci stays with it. Idempotent. Returns 0,
 * or a negative errno with why (EXIT_NODE): -ENODEV (the device is not there),
 * -EBUSY (its group is open still), -ETIMEDOUT, or another one.
 */
int vfio_restore(const struct pci_address *address, const char *driver, struct failure *why);

/**
 * Reset the device, which nobody may use: what a guest left in it goes. Returns
 * 0, or a negative errno with why (EXIT_NODE): -ENOTTY (it cannot be reset by
 * itself), -ENODEV, -ETIMEDOUT, or another one.
 */
int vfio_reset(const struct pci_address *address, struct failure *why);

/** Whether somebody has the group's node in /dev/vfio open, or that cannot be found out; false where it has no node. */
bool vfio_is_open(unsigned int group);

/** Add the group to the machine description's `vfio=`, once. Returns 0 or a negative errno. */
int vfio_describe(struct kv *machine, unsigned int group);

#endif
