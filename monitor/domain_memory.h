/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's memory in the domain's XML. */
#ifndef WNODES_MONITOR_DOMAIN_MEMORY_H
#define WNODES_MONITOR_DOMAIN_MEMORY_H

#include "monitor/machine.h"
#include "monitor/xml.h"

/** Write memory and memoryBacking. */
void domain_write_memory(struct xml *xml, const struct machine *machine);

/** Write the device memballoon, in this slot of the root bus; model is that of all virtio devices. */
void domain_write_balloon(struct xml *xml, const struct machine *machine, const char *model, unsigned int slot);

#endif
