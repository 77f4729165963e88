/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slurm's commands in the guest, the agent's side: programs of the guest
 * (client.h) connect to its socket; for each that descends from a task it
 * opens a command's channel to the host. What they send is passed on, and
 * held against the protocol first: the host would take a violation for ours.
 */
#ifndef WNODES_GUEST_COMMAND_H
#define WNODES_GUEST_COMMAND_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "guest/port.h"
#include "guest/task.h"

#define COMMAND_SOCKET "/run/wnodes/slurm.sock"
#define COMMAND_FOLDER "/run/wnodes/bin" /* links to the agent by the commands' names */
#define COMMANDS_MAX 256U

struct command;

struct commands {
	int listener; /* -1: commands are off */
	uid_t uid;    /* who may call them, besides root */
	const struct tasks *tasks;
	struct command *command[COMMANDS_MAX];
	size_t count, turn;
	uint32_t last_channel;
};

/** Listen, and make the links, for the commands in the list `names`; what cannot be done is logged. */
void commands_open(struct commands *commands, const char *names, uid_t uid, const struct tasks *tasks);

/** Take a caller's connection, fd, which does not block and is owned from here on; count is below COMMANDS_MAX. */
void commands_accept(struct commands *commands, int fd);

/** Drop all, as a job is forgotten. */
void commands_close(struct commands *commands);

/** Take a frame of the host's on a command's channel. Returns 0, or -EPROTO with *why (static). */
int commands_frame(struct commands *commands, const struct wire_frame *frame, const uint8_t *payload, const char **why);

/** Add what is to be polled to polls, room for 1 + COMMANDS_MAX; returns how many. */
size_t commands_poll(const struct commands *commands, struct pollfd *polls, bool port_has_room);

/** Handle what poll(2) found, with the same polls. */
void commands_ready(struct commands *commands, const struct pollfd *polls);

/** Queue what is to be said, as far as the port has room, and bury who is done. */
void commands_speak(struct commands *commands, struct port *port);

#endif
