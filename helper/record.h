/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job's record on this node, WNODES_JOBS/NODE/JOB.RESTART/, root's alone:
 *
 *   record     what is known of the job (kv)
 *   journal    what was made for it (helper/journal.h)
 *   machine    the machine description, for the monitor (kv)
 *   lock       flock(2)ed by the verb at work, then by the monitor's reaper for its life
 *   cancelled  exists once destroy has begun
 *
 * The record's `phase` is prepared, allocated, started or failed (then with
 * `code` and `message`). What people and tasks see is helper/state.h.
 */
#ifndef WNODES_HELPER_RECORD_H
#define WNODES_HELPER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/kv.h"
#include "helper/failure.h"

#define RECORD_JOB_MAX UINT32_C(0xfffffff0) /* Slurm's job ids lie below its special numbers */
#define RECORD_RESTART_MAX UINT32_C(0xffffff)

struct record_id {
	char node[65];
	uint32_t job, restart;
};

/* record_close() when done. */
struct record {
	struct record_id id;
	int dirfd;
	int lock; /* the open, locked file; -1 */
	struct kv kv;
};

/** Make the folder of a new record and take its lock. Returns 0 or a negative errno (-EEXIST). */
int record_create(struct record *record, const struct record_id *id);

/**
 * Open an existing record. A missing or torn `record` leaves kv empty: what
 * is half made must be removable. Returns 0 or a negative errno (-ENOENT).
 */
int record_open(struct record *record, const struct record_id *id);

/** Open the job's newest incarnation. Returns 0 or a negative errno (-ENOENT). */
int record_open_latest(struct record *record, const char *node, uint32_t job);

/** Take the lock, waiting at most ms, and load the record again. -EBUSY; -ENOENT where it was destroyed meanwhile. */
int record_lock(struct record *record, unsigned int ms);

/** Write the record to disk. Returns 0 or a negative errno. */
int record_save(struct record *record);

/** Set the phase, and with why its code and message, and save. As record_save(). */
int record_set_phase(struct record *record, const char *phase, const struct failure *why);

/** Whether the record's phase is this one. */
bool record_is(const struct record *record, const char *phase);

/** Whose job it is, never root's. Returns 0, or -EINVAL where the record is broken. */
int record_owner(const struct record *record, uid_t *uid, gid_t *gid);

/** Tell a start under way to stop, and any later one. Returns 0 or a negative errno. */
int record_cancel(const struct record *record);

/** Whether it has been told so; in doubt it has. */
bool record_is_cancelled(const struct record *record);

/** Remove the record's folder; the last step of destroy. Missing parts are no error. Returns 0 or a negative errno. */
int record_remove(struct record *record);

/** Close what record holds, the lock with it. */
void record_close(struct record *record);

/**
 * The records of a node (NULL: of all) and job (0: of all), sorted by node,
 * job, restart; *ids is from malloc, the caller's to free. Returns 0 (also
 * where there are none) or a negative errno.
 */
int record_list(const char *node, uint32_t job, struct record_id **ids, size_t *count);

/* With the record open, not locked. A negative errno ends the listing. */
typedef int record_call(void *context, const struct record *record);

/**
 * Call for each record on this host, own excepted (NULL: none). One that is being
 * made or removed is not there: it claims nothing. Returns 0, or the first
 * negative errno.
 */
int record_each(const struct record_id *own, record_call *call, void *context);

/** This boot's id into id[40]; 0 or a negative errno. */
int record_boot_id(char *id);

/** Parse "JOB.RESTART"; 0 or -EINVAL. */
int record_parse_name(const char *name, uint32_t *job, uint32_t *restart);

#endif
