/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job has which piece of the node's hardware: a file each (kv),
 * WNODES_STATEDIR/FOLDER/NAME, on disk before the hardware is touched, with
 * what it was like. No file: it is nobody's. A job's journal has the lease's
 * token: who has another token than the file has no say in it any more.
 *
 *   phase  leased         nothing of the hardware has been touched
 *          programming    from here on it may differ from what the lease has kept
 *          ready          a machine's
 *          releasing      being put back
 *          quarantined    it could not be put back (`reason`): nobody gets it
 */
#ifndef WNODES_HELPER_LEASE_H
#define WNODES_HELPER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/kv.h"
#include "helper/failure.h"
#include "helper/record.h"

#define LEASE_NAME_SIZE 40U
#define LEASE_TITLE_SIZE 96U
#define LEASE_TOKEN_SIZE 33U /* 128 bits, hexadecimal */

enum lease_phase { LEASE_LEASED, LEASE_PROGRAMMING, LEASE_READY, LEASE_RELEASING, LEASE_QUARANTINED, LEASE_PHASES };

struct lease {
	char name[LEASE_NAME_SIZE]; /* the hardware's, and the file's */
	char token[LEASE_TOKEN_SIZE];
	struct record_id owner;
	char boot[40];
	enum lease_phase phase;
	uint64_t since; /* milliseconds since the epoch: the phase */
	char reason[FAILURE_TEXT];
	bool drained; /* Slurm knows of the quarantine */
};

/* A kind of hardware. What its leases keep besides is in a kv, `own`, under keys of its own. */
struct lease_kind {
	const char *folder; /* below WNODES_STATEDIR, and the kind of the journal's lines, which hold the token */

	/** What people call it into title[LEASE_TITLE_SIZE]: "VF 3 of 0000:41:00.0". */
	void (*title)(const char *name, char *title);

	/**
	 * Put the hardware back as it was, when no process of its machine is left.
	 * Idempotent. Returns 0, -ENODEV where it is no more, or another negative
	 * errno with why (EXIT_NODE).
	 */
	int (*restore)(const struct lease *lease, const struct kv *own, struct failure *why);
};

/** Open the folder of the kind's leases, made where it is not there and create says so. A descriptor or a negative
 * errno. */
int lease_folder(const struct lease_kind *kind, bool create);

/** The lock name, "lock" for that under which hardware is chosen. A descriptor to close, or a negative errno (-EBUSY
 * after ms). */
int lease_lock(int folder, const char *name, unsigned int ms);

/** The lock of who works at this piece of hardware. As lease_lock(). */
int lease_lock_one(int folder, const char *hardware, unsigned int ms);

/** Fill the lease of a piece of hardware that this record is to have: phase leased, a new token. 0 or a negative errno.
 */
int lease_begin(struct lease *lease, const char *name, const struct record *record);

/**
 * Read a lease; own, where not NULL, receives all keys of the file, for the
 * caller to kv_free(). Returns 0, -ENOENT (nobody has it), -EINVAL (the file is torn) or another errno.
 */
int lease_load(int folder, const char *name, struct lease *lease, struct kv *own);

/** Write the lease with own's keys (NULL: none), atomically; durable: the disk has it afterwards. 0 or a negative
 * errno. */
int lease_save(int folder, const struct lease *lease, const struct kv *own, bool durable);

/** Set the phase and its time, and write the lease (durable where it is a quarantine). As lease_save(). */
int lease_set_phase(int folder, struct lease *lease, const struct kv *own, enum lease_phase phase);

/** Remove a lease; a missing one is no error. Returns 0 or a negative errno. */
int lease_remove(int folder, const char *name);

/* own is the lease's; both are NULL where the file cannot be read. A negative errno ends the listing. */
typedef int lease_call(void *context, const char *name, const struct lease *lease, const struct kv *own);

/** Call for each lease, in no order. Returns 0, or the first negative errno. */
int lease_each(int folder, lease_call *call, void *context);

/** Whether the lease is of another boot: then the hardware's state is void. */
bool lease_is_old(const struct lease *lease);

/**
 * Give back what the lease with this token is of. Idempotent; what another
 * token has is left alone. What cannot be restored stays with its lease,
 * quarantined, and the node is drained; with retry, what is quarantined is tried
 * again. Returns 0, also then; or -EIO with why (EXIT_NODE) where neither could be done.
 */
int lease_release(const struct lease_kind *kind, const char *name, const char *token, bool retry, struct failure *why);

/**
 * Remove a lease of a job of another boot where its file is torn: a power cut
 * tears what is not yet on disk, and what is torn is of that boot, whose
 * hardware's state is void. One that can be read is left to lease_release().
 * Returns 0, also where there is none, or a negative errno.
 */
int lease_drop_torn(const struct lease_kind *kind, const char *name);

/**
 * Hold all leases against boot and records: one of another boot ends, as the
 * hardware's state has; one whose job knows nothing of it any more is given
 * back. Says what it does in the log. Begins nothing after ms. Returns 0 or a
 * negative errno where the leases cannot be read.
 */
int lease_reconcile(const struct lease_kind *kind, bool retry, unsigned int ms);

#endif
