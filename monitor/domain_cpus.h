/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's CPUs in the domain's XML. */
#ifndef WNODES_MONITOR_DOMAIN_CPUS_H
#define WNODES_MONITOR_DOMAIN_CPUS_H

#include "monitor/machine.h"
#include "monitor/xml.h"

/** Write vcpu, cputune, cpu and numatune. */
void domain_write_cpus(struct xml *xml, const struct machine *machine);

#endif
