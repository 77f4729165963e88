/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FIRST 4096U
#define QUEUE_KEEP 16384U /* what an empty queue may keep */

void queue_free(struct queue *queue)
{
	free(queue->bytes);
	*queue = (struct queue){0};
}

/* More memory, and the bytes at its start. */
static int queue_grow(struct queue *queue, size_t needed)
{
	size_t size = queue->size ? queue->size : QUEUE_FIRST;
	uint8_t *bytes;

	/* room for as many bytes again as are copied, so that copying stays rare */
	if (__builtin_add_overflow(needed, queue->used, &needed))
		return -ENOMEM;
	while (size < needed)
		if (__builtin_mul_overflow(size, 2U, &size))
			return -ENOMEM;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	if (queue->bytes && queue->used)
		memcpy(bytes, queue->bytes + queue->start, queue->used);
	free(queue->bytes);
	queue->bytes = bytes;
	queue->start = 0;
	queue->size = size;
	return 0;
}

uint8_t *queue_reserve(struct queue *queue, size_t length)
{
	size_t needed;

	if (__builtin_add_overflow(queue->used, length, &needed))
		return NULL;
	if (queue->size - queue->start - queue->used < length || !queue->bytes) {
		/* moving pays only where it is rare: at least as much room is won as bytes are moved */
		if (queue->bytes && needed <= queue->size && queue->start >= queue->used) {
			memmove(queue->bytes, queue->bytes + queue->start, queue->used);
			queue->start = 0;
		} else if (queue_grow(queue, needed) < 0) {
			return NULL;
		}
	}
	return queue->bytes + queue->start + queue->used;
}

void queue_commit(struct queue *queue, size_t length)
{
	queue->used += length;
}

int queue_push(struct queue *queue, const void *bytes, size_t length)
{
	uint8_t *room = queue_reserve(queue, length);

	if (!room)
		return -ENOMEM;
	if (length)
		memcpy(room, bytes, length);
	queue_commit(queue, length);
	return 0;
}

void queue_pull(struct queue *queue, size_t length)
{
	queue->used -= length;
	queue->start = queue->used ? queue->start + length : 0;
}

void queue_trim(struct queue *queue)
{
	if (queue->used == 0 && queue->size > QUEUE_KEEP)
		queue_free(queue);
}
