/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tasks: their channels, streams and credit. What a task has to say is
 * kept as a state, not as a queue of frames, and said when the port has room:
 * so a host that does not read costs no memory.
 */
#ifndef WNODES_GUEST_TASK_H
#define WNODES_GUEST_TASK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/terminal.h"
#include "common/wire.h"
#include "guest/job.h"
#include "guest/port.h"

#define TASKS_MAX 1024U
#define TASKS_ROOM (TASKS_MAX + 256U) /* the rest is for those that are refused: it takes a while to say so */
#define TASK_POLLS 4U                 /* descriptors of a task that are polled */
#define SPECS_MAX (64U << 20)

struct task;

struct tasks {
	struct task *task[TASKS_ROOM];
	size_t count;
	size_t turn;           /* who may speak first */
	size_t spec_bytes;     /* in specs under way */
	uint32_t last_channel; /* the highest that was opened */
};

/**
 * Take a frame on a task's channel. Returns 0, or -EPROTO with *why (static)
 * where the host has violated the protocol.
 */
int tasks_frame(struct tasks *tasks, const struct job *job, const struct wire_frame *frame, const uint8_t *payload,
                const char **why);

/** Add what is to be polled to polls, room for TASK_POLLS each; returns how many. The order is tasks_ready()'s. */
size_t tasks_poll(struct tasks *tasks, struct pollfd *polls, bool port_has_room);

/** Handle what poll(2) found, with the same polls and no change of tasks in between. */
void tasks_ready(struct tasks *tasks, struct port *port, const struct pollfd *polls);

/** Queue what tasks have to say, as far as the port has room, and bury those that are done. */
void tasks_speak(struct tasks *tasks, struct port *port);

/** Kill all; nothing more is said about them, and channels count from 1 again. */
void tasks_forget(struct tasks *tasks);

/** The channel of the task that the process pid descends from; 0: of none. */
uint32_t tasks_channel_of(const struct tasks *tasks, pid_t pid);

/** Whether tasks that were forgotten still live. */
bool tasks_forgotten_live(const struct tasks *tasks);

#endif
