/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [machine] of wnodes.conf: how machines lie on the node's CPUs and in its memory. */
#ifndef WNODES_HELPER_CONFIG_MACHINE_H
#define WNODES_HELPER_CONFIG_MACHINE_H

#include "helper/config.h"
#include "helper/ini_file.h"

/** Take a key of the section. NULL, or what is wrong with it, also together with what was taken before. */
const char *config_machine_take(struct config *config, struct ini_file *file, const char *key, const char *value);

/** Whether free pages are reported: what is said, else where memory is not all allocated at once. */
bool config_machine_reports(const struct config *config);

#endif
