/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual functions (VFs) of an adapter's physical function (PF), as
 * sysfs has them. A VF is PF and index: its PCI function, its netdev and its
 * IOMMU group are looked up anew each time. `sriov_numvfs` is neither written
 * nor read here: the kernel makes a reader wait while somebody else writes it,
 * and that one waits for every machine with a VF to end.
 */
#ifndef WNODES_HELPER_NETWORK_VF_H
#define WNODES_HELPER_NETWORK_VF_H

#include <stdbool.h>
#include <stddef.h>

#include "helper/failure.h"
#include "helper/network/vf_link.h"
#include "helper/pci.h"

#define VF_WHY_MAX 320U
#define VF_NODE_UNKNOWN (-1)

struct vf_pf {
	struct pci_address pci;
	char netdev[PCI_NAME_SIZE];
	int ifindex;
};

struct vf {
	struct pci_address pf, pci;
	unsigned int index;
};

/**
 * Find the PF by its netdev's name or its PCI address. Returns 0, or -ENODEV
 * with why (EXIT_NODE): not there, no driver, no netdev.
 */
int vf_pf_find(const char *name, struct vf_pf *pf, struct failure *why);

/** Whether the PF's netdev is up. */
bool vf_pf_is_up(const struct vf_pf *pf);

/**
 * Find VF index of a PF. Returns 0, -ENOENT (it has no such VF), -ENODEV (the
 * PF is not there), or -ESTALE (physfn and virtfn do not agree).
 */
int vf_find(const struct pci_address *pf, unsigned int index, struct vf *vf);

/** The NUMA node of the VF, else of its PF, else VF_NODE_UNKNOWN. */
int vf_numa_node(const struct vf *vf);

/**
 * Whether a machine may have the VF: nothing on the host uses it, and its
 * IOMMU group holds it alone. Else why[VF_WHY_MAX] says what is in the way.
 */
bool vf_is_free(const struct vf *vf, const struct vf_addressed *addressed, char *why);

/** Whether a process has the VF open by VFIO. */
bool vf_is_open(const struct vf *vf);

#endif
