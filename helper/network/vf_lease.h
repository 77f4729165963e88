/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job has which VF: a file each (kv), WNODES_STATEDIR/vf/PF.INDEX, on
 * disk before the hardware is touched, with what the VF was like. No file: the
 * VF is nobody's. A job's journal has the lease's token (`vf PF INDEX TOKEN`):
 * who has another token than the file has no say in the VF any more.
 *
 *   phase  leased         nothing of the VF has been touched
 *          programming    from here on the hardware may differ from the lease's `original`
 *          ready          a machine's
 *          releasing      being put back
 *          quarantined    it could not be put back (`reason`): nobody gets it
 */
#ifndef WNODES_HELPER_NETWORK_VF_LEASE_H
#define WNODES_HELPER_NETWORK_VF_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/failure.h"
#include "helper/network/vf.h"
#include "helper/record.h"

#define VF_TOKEN_SIZE 33U /* 128 bits, hexadecimal */

enum vf_phase { VF_LEASED, VF_PROGRAMMING, VF_READY, VF_RELEASING, VF_QUARANTINED, VF_PHASES };

struct vf_lease {
	struct vf vf;
	char token[VF_TOKEN_SIZE];
	struct record_id owner;
	char boot[40];
	char network[65];
	uint8_t mac[VF_MAC_BYTES]; /* the machine's */
	struct vf_attributes original;
	char driver[PCI_NAME_SIZE]; /* the VF's; "": none */
	enum vf_phase phase;
	uint64_t since; /* milliseconds since the epoch: the phase */
	char reason[FAILURE_TEXT];
	bool drained; /* Slurm knows of the quarantine */
};

/** Open the folder of leases, with create made where it is not there; a descriptor or a negative errno. */
int vf_lease_folder(bool create);

/** A new token into token[VF_TOKEN_SIZE]; 0 or a negative errno. */
int vf_lease_token(char *token);

/** The lock under which VFs are chosen; its descriptor, or a negative errno (-EBUSY after ms). */
int vf_lease_lock(int folder, unsigned int ms);

/** The lock of who works at a VF's hardware; as vf_lease_lock(). */
int vf_lease_lock_vf(int folder, const struct pci_address *pf, unsigned int index, unsigned int ms);

/** Read the lease of a VF. Returns 0, -ENOENT (nobody has it), or -EINVAL (the file is torn) or another errno. */
int vf_lease_load(int folder, const struct pci_address *pf, unsigned int index, struct vf_lease *lease);

/** Write the lease, atomically; durable: the disk has it afterwards. Returns 0 or a negative errno. */
int vf_lease_save(int folder, const struct vf_lease *lease, bool durable);

/** Set the lease's phase and its time, and write it (durable where it is a quarantine). Returns as vf_lease_save(). */
int vf_lease_set_phase(int folder, struct vf_lease *lease, enum vf_phase phase);

/** Remove the lease of a VF; a missing one is no error. Returns 0 or a negative errno. */
int vf_lease_remove(int folder, const struct pci_address *pf, unsigned int index);

/* One lease's VF; lease is NULL where its file cannot be read. A negative errno ends the listing. */
typedef int vf_lease_call(void *context, const struct pci_address *pf, unsigned int index,
                          const struct vf_lease *lease);

/** Call for each lease, in no order. Returns 0, or the first negative errno. */
int vf_lease_each(int folder, vf_lease_call *call, void *context);

/** The phase's word. */
const char *vf_phase_name(enum vf_phase phase);

#endif
