/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NICs that a passt serves, in QEMU's words: libvirt has none for a passt that it does not start. */
#ifndef WNODES_MONITOR_DOMAIN_PASST_H
#define WNODES_MONITOR_DOMAIN_PASST_H

#include "monitor/machine.h"
#include "monitor/xml.h"

#define DOMAIN_PASST_SPACE "http://libvirt.org/schemas/domain/qemu/1.0" /* of the elements' names, prefix qemu */

/**
 * Write the arguments for these NICs into the domain: with virtio's model, each
 * in its slot of the root bus by slot_of(), connected to its passt's socket
 * below root.
 */
void domain_write_passt(struct xml *xml, const struct machine *machine, const char *model, const char *root,
                        unsigned int (*slot_of)(unsigned int number));

#endif
