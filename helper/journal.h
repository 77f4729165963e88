/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job's journal: one line per object on the host, `KIND ARGUMENT`, on disk
 * before the object is made. What is in it is ours to remove, whether it came
 * to be or not; what is not in it is not ours.
 */
#ifndef WNODES_HELPER_JOURNAL_H
#define WNODES_HELPER_JOURNAL_H

/**
 * Append `kind argument` to the journal in the record's folder dirfd and wait
 * until the disk has it. A line that a crash tore is dropped first. The caller
 * holds the record's lock. Returns 0, -EINVAL (an argument with a newline) or
 * a negative errno; then the object must not be made.
 */
int journal_append(int dirfd, const char *kind, const char *argument);

/* Undo one line; 0 or a negative errno. Must accept that the object is not there. */
typedef int journal_undo(void *context, const char *kind, const char *argument);

/**
 * Call undo for each whole line, the last first, even after a failure; a torn
 * last line is left out (its object was never made). Returns 0, also where
 * there is no journal, or the first failure.
 */
int journal_replay(int dirfd, journal_undo *undo, void *context);

#endif
