/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices of the node that a machine has, as Slurm allocated a GRES to its
 * job: leased (helper/lease.h, `device/ADDRESS`, with its driver), bound to
 * vfio-pci, and the host's again afterwards. The job's user has no say in which.
 */
#ifndef WNODES_HELPER_DEVICE_DEVICE_H
#define WNODES_HELPER_DEVICE_DEVICE_H

#include <stdbool.h>

#include "common/kv.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/lease.h"
#include "helper/pci.h"
#include "helper/record.h"

#define DEVICE_JOURNAL "device" /* `device ADDRESS TOKEN` */
#define DEVICES_MAX 16U         /* of one machine */
#define DEVICE_USED_WHY 256U
#define DEVICE_DISKS_MAX 64U

extern const struct lease_kind device_lease_kind;

/**
 * Lease the devices of [device] that Slurm gave the job on this node, hand them
 * over and add the description's lines. Asks slurmctld, within a bound, where
 * there is a [device]. Returns 0 or -EIO with why (EXIT_NODE).
 */
int devices_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why);

/** Undo the journal's line with this argument, of a job of another boot (old_boot) or this. 0 or a negative errno. */
int devices_remove(const char *argument, bool old_boot);

/**
 * Whether a machine could have the device: it is there, behind an IOMMU, alone
 * in its group, can be reset, is no bridge and has no VFs. *group is its IOMMU
 * group. Touches nothing. Returns 0 or a negative errno with why (EXIT_NODE).
 */
int device_check(const struct pci_address *address, unsigned int *group, struct failure *why);

/** Whether no network of wnodes.conf leases the device as a VF of its own. Returns 0, or -EIO with why (EXIT_NODE). */
int device_check_networks(const struct config *config, const struct pci_address *address, struct failure *why);

/* Block devices of the host that are kept from being mounted while their PCI device changes hands. */
struct device_claims {
	int fds[DEVICE_DISKS_MAX];
	size_t count;
};

/**
 * Whether the host uses the device through its driver: a netdev that is up or
 * part of another, a disk that is mounted or has been opened, a node of it in
 * /dev that a process has open. Says what in why[DEVICE_USED_WHY]. Where it is not
 * used, *claims has its disks until device_unclaim(). Bounded.
 */
bool device_is_used(const struct pci_address *address, struct device_claims *claims, char *why);

/** Let the disks of claims be mounted again; without any nothing happens. */
void device_unclaim(struct device_claims *claims);

#endif
