/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a task's streams are in place of the host's (the attribute
 * FILE). A file that several tasks of a step share loses what was in it once.
 */
#ifndef WNODES_GUEST_REDIRECT_H
#define WNODES_GUEST_REDIRECT_H

#include "guest/leader.h"

#define REDIRECT_FOLDER "/run/wnodes/files" /* root's: for each step, which files its tasks have emptied */

/** As root: open the step's record. Returns a descriptor; -1 where none is needed, or it cannot be. */
int redirect_begin(const struct leader *leader);

/**
 * As the task's user, in its folder: open the files as descriptors 0 to 2, and
 * close record (redirect_begin()'s). Returns 0, or -1 where that is reported.
 */
int redirect_open(const struct leader *leader, int record);

/** Forget all records, as the job is forgotten. */
void redirect_forget(void);

#endif
