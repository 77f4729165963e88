/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start's detached half. */
#ifndef WNODES_HELPER_LAUNCH_H
#define WNODES_HELPER_LAUNCH_H

#include "helper/record.h"

/**
 * In a process of its own, already in the job's cgroup and holding the
 * record's lock: make the disk and the network, write the machine
 * description, and become the monitor. Does not return: on a failure it is
 * recorded, and the process ends.
 */
_Noreturn void launch(struct record *record);

#endif
