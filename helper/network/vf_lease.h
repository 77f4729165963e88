/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job has which VF (helper/lease.h): the lease PF.INDEX, with what the VF
 * was like. The job's journal has `vf PF INDEX TOKEN`.
 */
#ifndef WNODES_HELPER_NETWORK_VF_LEASE_H
#define WNODES_HELPER_NETWORK_VF_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/failure.h"
#include "helper/lease.h"
#include "helper/network/vf.h"

struct vf_lease {
	struct lease base;
	struct vf vf;
	char network[65];
	uint64_t mac; /* the machine's */
	struct vf_attributes original;
	char driver[PCI_NAME_SIZE]; /* the VF's; "": none */
};

/* helper/network/vf_release.c's. */
extern const struct lease_kind vf_lease_kind;

/** The lease's name of a VF into name[LEASE_NAME_SIZE]. */
void vf_lease_name(const struct pci_address *pf, unsigned int index, char *name);

/** Parse "PF.INDEX"; 0 or -EINVAL. */
int vf_lease_parse_name(const char *name, struct pci_address *pf, unsigned int *index);

/** The lock of who works at a VF's hardware; as lease_lock(). */
int vf_lease_lock_vf(int folder, const struct pci_address *pf, unsigned int index, unsigned int ms);

/** Fill lease from what lease_load() found. Returns 0 or -EINVAL. */
int vf_lease_read(const struct lease *base, const struct kv *own, struct vf_lease *lease);

/** Read the lease of a VF. As lease_load(). */
int vf_lease_load(int folder, const struct pci_address *pf, unsigned int index, struct vf_lease *lease);

/** Whether there is a lease of the VF, even a torn one; in doubt there is. */
bool vf_lease_is_there(int folder, const struct pci_address *pf, unsigned int index);

/** Write the lease. As lease_save(). */
int vf_lease_save(int folder, const struct vf_lease *lease, bool durable);

/** Set the lease's phase and its time, and write it. As lease_set_phase(). */
int vf_lease_set_phase(int folder, struct vf_lease *lease, enum lease_phase phase);

/* One lease's VF; lease is NULL where its file cannot be read. A negative errno ends the listing. */
typedef int vf_lease_call(void *context, const struct pci_address *pf, unsigned int index,
                          const struct vf_lease *lease);

/** Call for each lease, in no order. Returns 0, or the first negative errno. */
int vf_lease_each(int folder, vf_lease_call *call, void *context);

/**
 * Call for the MAC, a number of 48 bits, of each machine that has a lease; one
 * in quarantine outlives its job's record. Returns 0, or the first negative errno.
 */
int vf_lease_macs(int (*call)(void *context, uint64_t mac), void *context);

#endif
