/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The owner of libvirt: makes the machine as root, gives up root, watches.
 * The reaper's child; all that it knows goes there as packets.
 */
#ifndef WNODES_MONITOR_OWNER_H
#define WNODES_MONITOR_OWNER_H

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/counters.h"
#include "monitor/machine.h"
#include "monitor/server.h"
#include "monitor/shares.h"

#define OWNER_RELAY_SECONDS 5U /* that the relay has to end its clients */

struct passt;

struct owner {
	struct machine *machine; /* the owner's copy: what it finds of optional directories is left in it */
	int reaper;              /* socket */
	pid_t parent;            /* the reaper */
	int relay;               /* socket; -1: the relay is not running */
	int log;                 /* QEMU's log, opened as root; -1: none */
	off_t log_start;         /* bytes of it that were there before the guest started */
	const struct counters *counters;
	struct shares shares; /* the host directories that were found */
	struct servers servers;
	struct passt *passt; /* passt.h; NULL: the machine needs none */
	bool running;        /* the guest has been started */
	bool ready;
	virDomainPtr domain;
	int freezer;               /* tells whether the job is suspended; -1: unknown */
	bool paused, pause_failed; /* pause.h */
	int disk;                  /* the disk's file, to be looked at; -1: unknown */
	int64_t space_resumed;     /* ms of CLOCK_MONOTONIC when the machine went on after a lack of space; 0: never */
	int64_t space_by;          /* space.h: while there is none, ms of CLOCK_MONOTONIC by which there must be */
	int64_t boot_by; /* ms of CLOCK_MONOTONIC by which the guest must be ready; while paused, what is left */
	bool ended;      /* owner_end() has been called */
	int boot_timer, end_timer, panic_timer, space_timer; /* libvirt's ids; -1: none */
};

/** Be the owner; never returns. The caller, the reaper, has just forked: parent is its pid, reaper a socket to it. */
_Noreturn void owner_run(const struct machine *machine, const struct counters *counters, int reaper, pid_t parent);

/**
 * The machine has failed: tell reaper and relay, once, and send QEMU's last
 * words to the site's log. code: 64, 70, 75; the text becomes one line.
 */
void owner_end(struct owner *owner, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
