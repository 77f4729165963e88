/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A copy of the emulator that nobody but root can read. QEMU runs as the job's
 * user; the kernel keeps a process out of the hands of its own user's other
 * processes (/proc/PID/root, fd and mem; ptrace) when that user could not read
 * the program. Otherwise any of them could take the overlay's descriptor out
 * of QEMU and keep it, and its space, beyond the job.
 */
#ifndef WNODES_MONITOR_EMULATOR_H
#define WNODES_MONITOR_EMULATOR_H

#include "monitor/machine.h"

/**
 * Make sure that cache_dir has the emulator's copy as it is now. Before the
 * namespace is entered, as root. Returns 0 or a negative errno; -ENOEXEC where the emulator is
 * no ELF program, and so cannot do without being read (a script).
 */
int emulator_prepare(const struct machine *machine);

/**
 * Cover the emulator with the copy. In the monitor's namespace, before libvirt
 * looks at it. Returns 0 or a negative errno.
 */
int emulator_cover(const struct machine *machine);

#endif
