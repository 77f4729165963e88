/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's own programs are told of its networks, in files: the
 * resolver where names are asked for, systemd-networkd and NetworkManager
 * that the agent has given a NIC its address.
 */
#ifndef WNODES_GUEST_NETWORK_FILES_H
#define WNODES_GUEST_NETWORK_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/job.h"

struct network_files {
	const char *etc, *run; /* /etc and /run */
	char *resolv_before;   /* what resolv.conf was; NULL: it is as it was */
	char *resolv;          /* what the agent made of it */
};

/** Whether one of the job's networks has servers that are asked for names. */
bool network_files_has_servers(const struct job *job);

/**
 * Have names asked of the servers of all the job's networks: in resolv.conf,
 * or, where that is systemd-resolved's, by a file of its own; nothing where no
 * network has one. Called again it puts them before those that a DHCP client
 * has written meanwhile.
 */
void network_files_resolver(struct network_files *files, const struct job *job);

/** Whether names can be asked for: resolv.conf does not point to a file that is still to be made. */
bool network_files_can_resolve(const struct network_files *files);

/**
 * Tell systemd-networkd, where systemd is, of the network as it is described,
 * its gateways with the metric; it takes note when it starts, or is told to.
 * Returns whether it runs already.
 */
bool network_files_tell_networkd(const struct network_files *files, const struct job_network *network, uint32_t metric);

/** Tell NetworkManager, where it is, to leave the NIC alone. */
void network_files_tell_manager(const struct network_files *files, const struct job_network *network);

/** Take all of it back. */
void network_files_undo(struct network_files *files, const struct job *job);

#endif
