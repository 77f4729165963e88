/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM or TCG on this node. */
#ifndef WNODES_HELPER_ACCELERATOR_H
#define WNODES_HELPER_ACCELERATOR_H

#include <stdbool.h>

#include "helper/config.h"
#include "helper/failure.h"

/**
 * Choose the accelerator. KVM needs the CPU's vmx or svm flag and a /dev/kvm
 * that opens: it exists on machines where guests hang on it, so its presence
 * proves nothing. Returns 0 and *tcg, or -EIO with why where the site insists
 * on KVM and there is none.
 */
int accelerator_choose(const struct config *config, bool *tcg, struct failure *why);

/** Whether the node's CPU has this flag of /proc/cpuinfo. */
bool accelerator_cpu_has(const char *flag);

#endif
