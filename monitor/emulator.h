/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of the emulator, and of virtiofsd, that nobody but root can read. They
 * run as the job's user; the kernel keeps a process out of the hands of its own user's other
 * processes (/proc/PID/root, fd and mem; ptrace) when that user could not read
 * the program. Otherwise any of them could take the overlay's descriptor or
 * the guest's memory out of them and keep it beyond the job.
 */
#ifndef WNODES_MONITOR_EMULATOR_H
#define WNODES_MONITOR_EMULATOR_H

#include "monitor/machine.h"

#define EMULATOR_FOLDER "emulator" /* in cache_dir */

/**
 * Make sure that cache_dir has in its folder name program's copy as it is now. Before the
 * namespace is entered, as root. Returns 0 or a negative errno; -ENOEXEC where it is
 * no ELF program, and so cannot do without being read (a script).
 */
int emulator_prepare(const struct machine *machine, const char *program, const char *name);

/**
 * Cover program with the copy in the folder name. In the monitor's namespace,
 * before it is used. Returns 0 or a negative errno.
 */
int emulator_cover(const struct machine *machine, const char *program, const char *name);

#endif
