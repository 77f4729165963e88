/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's run folder, WNODES_RUNDIR/NODE/JOB: root's, and readable by the
 * job's user alone. Its file `state` (kv) is what tasks and wnodes(1) read:
 * `state` is prepared, allocated, starting, fetching and disk (while they last, with
 * `message`, how far it is, `said`, the time of that, and `timeout` in seconds), booting, ready, failed (with
 * `code` and `message`) or ended; `t.NAME` says when, in milliseconds since
 * the epoch; `process` is the one that makes the machine, and then has it, by
 * its number in `pid_namespace`. The helper writes it until it executes the monitor.
 */
#ifndef WNODES_HELPER_STATE_H
#define WNODES_HELPER_STATE_H

#include <sys/types.h>

#include "helper/record.h"

/** The run folder's path into path[PATH_MAX]; 0 or -ENAMETOOLONG. */
int state_path(const struct record_id *id, char *path);

/**
 * Make the run folder for this user, journalled first where record has a
 * folder (dirfd is not -1). Returns 0 or -EIO with why.
 */
int state_make_folder(const struct record *record, uid_t uid, struct failure *why);

/**
 * Set the job's state with its time, what the record knows of the machine,
 * and why's code and message where why is not NULL. Returns 0 or a negative
 * errno.
 */
int state_set(const struct record *record, const char *state, const struct failure *why);

/**
 * Say how far the job is in a state that takes its time (fetching, disk), and
 * for how many seconds it may; message NULL: nothing more to say. Returns 0 or
 * a negative errno.
 */
int state_progress(const struct record *record, const char *state, const char *message, uint64_t timeout);

/**
 * In state starting: name this process, so that whoever waits for the machine
 * sees its end, which may have said nothing. Returns 0 or a negative errno.
 */
int state_name_process(const struct record *record);

/** Note the time of an event that is not a state. Returns 0 or a negative errno. */
int state_mark(const struct record *record, const char *event);

/** Read the job's state file; 0 or a negative errno. */
int state_load(const struct record_id *id, struct kv *kv);

/** Undo the journal's line `run PATH`. Returns 0 or a negative errno. */
int state_remove_folder(const char *path);

#endif
