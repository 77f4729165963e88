/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libvirt found out about QEMU, shared by the node's jobs: a probe takes
 * seconds. Libvirt probes by running QEMU as qemu.conf's user, so a probe as
 * the job's user would let him choose what later jobs of others are told.
 * Hence: a probe for the cache runs as libvirt's own user, in a process and
 * namespace of its own, and each job works on a copy.
 */
#ifndef WNODES_MONITOR_CAPABILITIES_H
#define WNODES_MONITOR_CAPABILITIES_H

#include <stdint.h>

#include "monitor/machine.h"

#define CAPABILITIES_SECONDS 90U

struct capabilities {
	char path[PATH_MAX]; /* cache_dir/ACCELERATOR */
	int folder;          /* the same, writable; -1: none */
	uint64_t copied;     /* what the copy was, to see whether libvirt replaced it */
};

/** Open the cache, made where it is missing. Before the namespace is entered. Returns 0 or a negative errno. */
int capabilities_open(struct capabilities *capabilities, const struct machine *machine);

/**
 * Make sure that the cache holds the emulator's capabilities, by a probe of
 * at most CAPABILITIES_SECONDS where it does not, and copy them to
 * NAMESPACE_ROOT. In the monitor's namespace, as root, before threads exist.
 * Without a usable cache libvirt probes for this job alone, so an error is
 * only worth a line in the log. Returns 0 or a negative errno.
 */
int capabilities_prepare(struct capabilities *capabilities, const struct machine *machine);

/**
 * After the machine's creation: where libvirt did not take the copy for valid
 * and probed, have the next job renew the cache. Closes the cache.
 */
void capabilities_close(struct capabilities *capabilities);

#endif
