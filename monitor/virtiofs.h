/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtiofsd of each host directory: a process of the job's user in the
 * machine's cgroup and mount namespace, for one QEMU.
 */
#ifndef WNODES_MONITOR_VIRTIOFS_H
#define WNODES_MONITOR_VIRTIOFS_H

#include "monitor/owner.h"

#define VIRTIOFS_FOLDER "virtiofsd" /* in cache_dir: the copy that is run */
#define VIRTIOFS_WHY_MAX 128U

/**
 * Start one for each of the machine's directories, where they are served so.
 * In the namespace, after shares_bind() and emulator_cover(), without
 * threads. Returns 0, or a negative errno with the step in why. What was
 * started ends with the owner.
 */
int virtiofs_start(struct owner *owner, char *why);

/** QEMU has connected to all of them: nobody else shall find their sockets. */
void virtiofs_hide(const struct owner *owner);

/** Have libvirt's event loop read what they say, for the site's log, and end the machine where one ends. 0 or -EIO. */
int virtiofs_watch(struct owner *owner);

/** Send what they have said to the site's log. */
void virtiofs_log(struct owner *owner);

#endif
