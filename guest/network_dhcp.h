/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A NIC's address by DHCP, where nothing in the guest asks for one by itself. */
#ifndef WNODES_GUEST_NETWORK_DHCP_H
#define WNODES_GUEST_NETWORK_DHCP_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/network_files.h"

#define NETWORK_DHCP_NO_CLIENT 127 /* the child's exit code: the guest has none */

/**
 * Fork a child that sees to the NIC's address. Unless alone is set (the agent
 * is the guest's init: nobody else does), it waits until the guest has booted
 * so far that whoever manages its network would have begun with this NIC, and
 * ends where somebody has. Then it becomes the DHCP client that is there:
 * udhcpc, dhclient or dhcpcd, in the foreground; or it has systemd-networkd do
 * it. Returns its id, or a negative errno.
 */
pid_t network_dhcp_start(const struct network_files *files, const struct job_network *network, bool alone);

#endif
