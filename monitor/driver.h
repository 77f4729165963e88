/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt's QEMU driver, embedded in this process, below NAMESPACE_ROOT. */
#ifndef WNODES_MONITOR_DRIVER_H
#define WNODES_MONITOR_DRIVER_H

#include <libvirt/libvirt.h>

#include "monitor/machine.h"

/**
 * Empty the environment but for what libvirt and QEMU need. libvirt shall not
 * find the system bus: it would hold a connection of root's there, and
 * systemd-machined would move QEMU out of the job's cgroup.
 */
int driver_environment(void);

/**
 * Write qemu.conf and open the driver. QEMU will run as machine's user; with
 * NULL as libvirt's own default user. NULL: driver_error() says why.
 */
virConnectPtr driver_open(const struct machine *machine);

/** Define and start the machine, its guest not yet running. NULL: driver_error() says why. */
virDomainPtr driver_create(virConnectPtr connection, const struct machine *machine);

/** What libvirt said last, one line, static until the next call into libvirt. */
const char *driver_error(void);

#endif
