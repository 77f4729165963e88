/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole frames of common/protocol.md in a queue of bytes. */
#ifndef WNODES_COMMON_FRAME_H
#define WNODES_COMMON_FRAME_H

#include "common/queue.h"
#include "common/wire.h"

/**
 * Append frame and its payload of frame->length bytes (NULL where that is 0).
 * Returns 0, or -ENOMEM with the queue as it was.
 */
int frame_push(struct queue *queue, const struct wire_frame *frame, const void *payload);

/**
 * Look at the first frame. Returns 1 with *frame and *payload (owned by the
 * queue), 0 where it has not arrived in full, or -EPROTO with *why (static).
 * frame_pull() then drops it.
 */
int frame_peek(const struct queue *queue, struct wire_frame *frame, const uint8_t **payload, const char **why);
void frame_pull(struct queue *queue, const struct wire_frame *frame);

#endif
