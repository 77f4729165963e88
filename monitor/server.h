/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that serve QEMU by a Unix socket each (virtiofsd, passt): of the
 * job's user, in the machine's cgroup and mount namespace. They end with the
 * owner; the end of one is the machine's.
 */
#ifndef WNODES_MONITOR_SERVER_H
#define WNODES_MONITOR_SERVER_H

#include <sys/types.h>

#include "common/mounts.h"
#include "common/network_option.h"

#define SERVERS_MAX (MOUNTS_MAX + NETWORKS_MAX)
#define SERVER_PART_SIZE 32U
#define SERVER_TASK_SIZE 257U

struct owner;

struct server {
	const char *name;            /* the program's, for messages; the caller's, for the machine's life */
	char part[SERVER_PART_SIZE]; /* of the namespace: its socket */
	char task[SERVER_TASK_SIZE]; /* what it serves, for messages */
	unsigned int number;         /* which of the caller's */
	int said;                    /* what it says; ends with its process; -1: it has */
};

struct servers {
	struct server list[SERVERS_MAX];
	unsigned int count;
	unsigned int ended; /* the one that did */
};

/*
 * In a child of the owner, root, whose standard error is log: become the
 * program, as the job's user. Returns a negative errno where it cannot.
 */
typedef int server_become(const struct owner *owner, unsigned int number, int listener, int log, pid_t parent);

/**
 * Start one. In the namespace, before QEMU, without threads. server has name,
 * part, task and number. Returns 0, or a negative errno with the step in
 * why[NAMESPACE_WHY_MAX].
 */
int server_start(struct owner *owner, const struct server *server, server_become *become, char *why);

/** For server_become: streams 0 to 2, and file as 3; nothing else. Returns 0 or a negative errno. */
int server_take_files(int file, int log);

/** QEMU has connected to all of them: nobody else shall find their sockets. */
void servers_hide(const struct owner *owner);

/** Send what they have said to the site's log. */
void servers_log(struct owner *owner);

/** Have libvirt's event loop read what they say, for the site's log, and end the machine where one ends. 0 or -EIO. */
int servers_watch(struct owner *owner);

#endif
