/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices as the kernel's sysfs has them (Documentation/ABI/testing/
 * sysfs-bus-pci). Everything is looked up anew at each call: group numbers
 * change with a reboot, and a device may go at any moment.
 */
#ifndef WNODES_HELPER_PCI_H
#define WNODES_HELPER_PCI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PCI_NAME_SIZE 64U /* of drivers and network interfaces */

/* `0000:41:10.0`, in small letters, as sysfs names the device. */
struct pci_address {
	char name[13];
};

/**
 * sysfs and /dev below this folder from now on; "" is the host's own. For tests,
 * before anything else here; the text must live on.
 */
void pci_set_root(const char *root);

/** The path of part ("sys/…", "dev/…") below the root into path[PATH_MAX]; 0 or -ENAMETOOLONG. */
int pci_path(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Parse DDDD:BB:SS.F, hexadecimal in any case. Returns 0 or -EINVAL. */
int pci_parse(const char *text, struct pci_address *address);

/** Whether they are the same device. */
bool pci_is(const struct pci_address *one, const struct pci_address *other);

/** Whether the device is there. */
bool pci_exists(const struct pci_address *address);

/** Read an attribute's first line into value[size]. Returns 0, -ENODEV (the device is not there) or a negative errno.
 */
int pci_read(const struct pci_address *address, const char *attribute, char *value, size_t size);

/** `vendor` and `device` (a VF's `config` has ffff for both) and `class` (0xCCSSPP). As pci_read(). */
int pci_identify(const struct pci_address *address, uint32_t *vendor, uint32_t *device, uint32_t *class);

/** The driver's name into driver[PCI_NAME_SIZE], "" where none is bound. As pci_read(). */
int pci_driver(const struct pci_address *address, char *driver);

/** `driver_override` into driver[PCI_NAME_SIZE], "" where it is not set. As pci_read(); bounded (-ETIMEDOUT). */
int pci_override(const struct pci_address *address, char *driver);

/** The NUMA node; -1 where the firmware does not say, or the device is not there. */
int pci_numa_node(const struct pci_address *address);

/** The IOMMU group. Returns 0, -ENOENT (no IOMMU is in use), -ENODEV or another negative errno. */
int pci_group(const struct pci_address *address, unsigned int *group);

/**
 * The devices of an IOMMU group, sorted, into members[max]. Returns how many
 * there are, which may be more than max, or a negative errno.
 */
int pci_group_members(unsigned int group, struct pci_address *members, size_t max);

/** Whether the device may be reset by itself (`reset` is there). */
bool pci_has_reset(const struct pci_address *address);

/**
 * The VF with this index of a physical function, by virtfnN and back by physfn.
 * Returns 0, -ENOENT (no such VF), -ESTALE where the two do not agree, or -ENODEV.
 */
int pci_vf(const struct pci_address *pf, unsigned int index, struct pci_address *vf);

/**
 * The device's network interface, by name the first, into netdev[PCI_NAME_SIZE];
 * "" where it has none that this network namespace sees: one that was moved into
 * a container's is not there either. As pci_read().
 */
int pci_netdev(const struct pci_address *address, char *netdev);

/** The device of a network interface. Returns 0, -ENOENT (no such interface) or -EINVAL (it is no PCI device). */
int pci_of_netdev(const char *netdev, struct pci_address *address);

/** Whether a driver with that name is there. */
bool pci_has_driver(const char *driver);

#endif
