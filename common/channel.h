/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One task's channel as common/protocol.md allows it: who may send what, and
 * when, and how much. No I/O. The relay asks here about every frame, of
 * clients and of the guest, before it passes the frame on; wnodes-run about
 * every frame that it reads or sends.
 */
#ifndef WNODES_COMMON_CHANNEL_H
#define WNODES_COMMON_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

struct channel {
	uint32_t id; /* on the guest's leg; 0 until OPEN */
	bool opened, start, started, exited;
	bool eof[WIRE_STREAMS];
	uint32_t credit[WIRE_STREAMS]; /* bytes that the stream's sender may still send */
	uint32_t spec;                 /* bytes of the spec so far */
};

/** A channel before its OPEN, with the first windows. */
void channel_init(struct channel *channel);

/**
 * Account for a frame that the client sent on its leg, or the guest on its
 * own; payload has frame->length bytes. The frame's header has passed
 * wire_get_header(). Returns 0, or -EPROTO with *why (static) set, where the
 * protocol does not allow the frame here.
 */
int channel_from_client(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                        const char **why);
int channel_from_guest(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                       const char **why);

/**
 * For a channel without a client: what of stream (stdout or stderr) the guest
 * sent and nobody will take, down to the first window. Returns the credit to grant for it, in bytes, or
 * 0 where that is less than least.
 */
uint32_t channel_forgive(struct channel *channel, uint8_t stream, uint32_t least);

#endif
