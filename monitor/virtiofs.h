/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtiofsd of each host directory: a process of the job's user in the
 * machine's cgroup and mount namespace, for one QEMU.
 */
#ifndef WNODES_MONITOR_VIRTIOFS_H
#define WNODES_MONITOR_VIRTIOFS_H

#include "monitor/owner.h"

#define VIRTIOFS_FOLDER "virtiofsd" /* in cache_dir: the copy that is run */

/**
 * Start one for each of the machine's directories, where they are served so.
 * In the namespace, after shares_bind() and emulator_cover(), without
 * threads. As server_start().
 */
int virtiofs_start(struct owner *owner, char *why);

#endif
