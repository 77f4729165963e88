/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/frame.h"

#include <errno.h>
#include <string.h>

int frame_push(struct queue *queue, const struct wire_frame *frame, const void *payload)
{
	uint8_t *room = queue_reserve(queue, WIRE_HEADER + frame->length);

	if (!room)
		return -ENOMEM;
	wire_put_header(room, frame);
	if (frame->length)
		memcpy(room + WIRE_HEADER, payload, frame->length);
	queue_commit(queue, WIRE_HEADER + frame->length);
	return 0;
}

int frame_peek(const struct queue *queue, struct wire_frame *frame, const uint8_t **payload, const char **why)
{
	int rc;

	if (queue->used < WIRE_HEADER)
		return 0;
	rc = wire_get_header(queue_data(queue), frame, why);
	if (rc < 0)
		return rc;
	if (queue->used - WIRE_HEADER < frame->length)
		return 0;
	*payload = queue_data(queue) + WIRE_HEADER;
	return 1;
}

void frame_pull(struct queue *queue, const struct wire_frame *frame)
{
	queue_pull(queue, WIRE_HEADER + frame->length);
}
