/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine as libvirt's domain XML. */
#ifndef WNODES_MONITOR_DOMAIN_H
#define WNODES_MONITOR_DOMAIN_H

#include "monitor/machine.h"

/**
 * The domain's XML, in memory from malloc, for the caller to free(); NULL:
 * no memory. All paths in it lie below root, the private folder where
 * namespace.h puts them, except the emulator's.
 */
char *domain_xml(const struct machine *machine, const char *root);

#endif
