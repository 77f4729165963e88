/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine whose disk could not be written, since its file system is full,
 * stands still: QEMU has stopped it, and tries again when it goes on. It waits
 * for space, so that one large disk does not end all machines whose disks lie
 * beside it: the larger its own, the shorter.
 */
#ifndef WNODES_MONITOR_SPACE_H
#define WNODES_MONITOR_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/owner.h"

/* A file system and the disk's file in it, in bytes. */
struct space {
	uint64_t total, available, own;
};

/** Remember the disk's file, which namespace_files() has bound. Where that fails, space_wait() does not wait. */
void space_open(struct owner *owner);

/** Milliseconds that such a machine waits for space; chance from 0 to 999 keeps equal ones from ending together. */
unsigned int space_patience(const struct space *space, unsigned int chance);

/** Whether there is enough to go on with. */
bool space_is_enough(const struct space *space);

/**
 * QEMU has stopped the machine, since there is no space: wait for some, then
 * let it go on; else end it (75). Call with each such event.
 */
void space_wait(struct owner *owner);

#endif
