/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices in the machine's /dev through which libvirt opens its NICs. */
#ifndef WNODES_MONITOR_NETWORK_H
#define WNODES_MONITOR_NETWORK_H

#include "monitor/machine.h"

/**
 * Make, in the private /dev, what libvirt needs for the machine's taps and
 * macvtaps, root's alone: net/tun, tapN, and where vhost says that the host
 * has it, vhost-net. Returns 0 or a negative errno.
 */
int network_make_devices(const struct machine *machine, bool vhost);

#endif
