/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/command.h"

#include <errno.h>

int command_from_guest(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                       const char **why)
{
	struct wire_frame mirrored = *frame;

	if (frame->type == WIRE_OPEN) {
		*why = "OPEN on a command's channel";
		return -EPROTO;
	}
	mirrored.channel = 1;
	if (frame->type == WIRE_COMMAND)
		mirrored.type = WIRE_OPEN;
	return channel_from_client(channel, &mirrored, payload, why);
}

int command_from_host(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload, const char **why)
{
	return channel_from_guest(channel, frame, payload, why);
}
