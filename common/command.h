/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slurm's commands in the machine: a command that a task calls in the guest
 * is executed on the host. Its channel is a task's with the ends exchanged:
 * the guest sends what wnodes-run sends for a task, and the other way round.
 */
#ifndef WNODES_COMMON_COMMAND_H
#define WNODES_COMMON_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/wire.h"

#define COMMAND_CHANNEL 0x80000000U /* set in the channel of a command, never in a task's */
#define COMMAND_GRANT                                                                                                  \
	(WIRE_WINDOW_FIRST / 4) /* bytes consumed before CREDIT is sent; a command's window stays as it begins */

static inline bool command_is_channel(uint32_t channel)
{
	return channel & COMMAND_CHANNEL;
}

/** Whether a command takes the signal from its caller: what srun and its like handle, and nothing that leaves a core.
 */
static inline bool command_is_signal(uint32_t number)
{
	return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM || number == SIGUSR1 ||
	       number == SIGUSR2 || number == SIGALRM || number == SIGCONT;
}

/** As channel_from_client(), for a frame that the guest sent on a command's channel; COMMAND opens it. */
int command_from_guest(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                       const char **why);

/** As channel_from_guest(), for a frame that the host sent on a command's channel. */
int command_from_host(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                      const char **why);

#endif
