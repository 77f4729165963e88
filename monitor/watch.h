/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's life from its first instruction to its end. */
#ifndef WNODES_MONITOR_WATCH_H
#define WNODES_MONITOR_WATCH_H

#include <libvirt/libvirt.h>

#include "monitor/owner.h"

struct verdict {
	int code;            /* 0: nothing has ended */
	const char *message; /* static; NULL with a code: QEMU has died, and watch finds out why */
};

/** What a lifecycle event of libvirt's says about the machine. */
struct verdict watch_lifecycle(int event, int detail);

/**
 * Register for the domain's events on connection, before it is created.
 * Returns 0 or -EIO (driver_error()).
 */
int watch_domain(struct owner *owner, virConnectPtr connection);

/**
 * Run libvirt's event loop until the machine has ended and the relay has said
 * so to its clients. Call when the guest has been started. Returns 0, or -EIO
 * where the loop failed.
 */
int watch_run(struct owner *owner);

/** The machine has ended (owner_end()): only the relay's clients are still to be told. */
void watch_finish(struct owner *owner);

/** Stop the boot timer with a paused machine, and let it go on with what was left. */
void watch_hold_boot(struct owner *owner, bool hold);

/** Why QEMU died: 70's message, static. */
const char *watch_death(const struct owner *owner);

#endif
