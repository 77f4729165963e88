/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's networks: each NIC is found by its MAC address, whenever it
 * appears, and gets what the host says of it. Nothing here blocks: what takes
 * time is a child's, or the kernel tells of it.
 */
#ifndef WNODES_GUEST_NETWORK_H
#define WNODES_GUEST_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/job.h"
#include "guest/network_files.h"
#include "guest/unfit.h"

struct nic {
	unsigned int index;   /* 0: it has not appeared yet */
	unsigned int old_mtu; /* 0: it was left alone */
	bool raised;          /* it was down */
	bool made;            /* all that the host says of it is done */
	bool up;              /* its address has been there */
	uint64_t since;       /* it has an address: agent_now(); 0: it has none */
	pid_t dhcp;           /* the child that sees to its address; 0: none */
	bool no_client;       /* and found nothing to do it with */
	unsigned int repairs; /* an address was taken away, and set again */
};

struct networks {
	const struct job *job;
	struct network_files files;
	bool alone; /* the agent is the guest's init */
	int news;   /* of the kernel; -1: nothing is to be done any more */
	struct nic nics[WIRE_NETWORKS_MAX];
	uint64_t begun, asked;
	uint64_t due; /* look again then, whatever the kernel says; 0: at news alone */
	struct unfit unfit;
};

/**
 * Begin with the networks of job, which must stay until networks_undo(); etc
 * and run are the guest's folders. alone: no other program of the guest
 * manages a network.
 */
void networks_begin(struct networks *networks, const struct job *job, const char *etc, const char *run, bool alone);

/** The descriptor to be polled for reading; -1: none. */
int networks_fd(const struct networks *networks);

/** Do what can be done now: there are news, or due has passed. */
void networks_look(struct networks *networks, uint64_t now);

/** Whether READY must wait. networks->unfit says, if so, that it is not to come. */
bool networks_hold(const struct networks *networks);

/** A child has ended. */
void networks_reaped(struct networks *networks, pid_t pid, int status);

/** Take back what was done; zeroed or begun. */
void networks_undo(struct networks *networks);

#endif
