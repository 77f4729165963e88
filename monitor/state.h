/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_dir/state, which wnodes-run and `wnodes status` read. */
#ifndef WNODES_MONITOR_STATE_H
#define WNODES_MONITOR_STATE_H

#include "common/kv.h"

/** Set t.NAME in changes to now, milliseconds of CLOCK_REALTIME. Returns as kv_set(). */
int state_time(struct kv *changes, const char *name);

/** Merge changes into the file `state` in folder run_dir. Returns 0 or a negative errno. */
int state_save(const char *run_dir, const struct kv *changes);

/** state_save() of state=failed with code, message (one line) and t.failed. */
int state_failed(const char *run_dir, int code, const char *message);

#endif
