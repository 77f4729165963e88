/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of bytes in one piece of memory: pushed at the end, pulled at the
 * front. It grows as needed; who pushes keeps the bound.
 */
#ifndef WNODES_COMMON_QUEUE_H
#define WNODES_COMMON_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise before use; queue_free() when done. */
struct queue {
	uint8_t *bytes; /* of malloc */
	size_t start;   /* offset of the first byte in the queue */
	size_t used;    /* bytes in the queue */
	size_t size;    /* bytes allocated */
};

/** Drop all bytes and give the memory back; the queue may be used again. */
void queue_free(struct queue *queue);

/** The queue's bytes, queue->used of them, until the queue is changed. */
static inline const uint8_t *queue_data(const struct queue *queue)
{
	return queue->bytes + queue->start;
}

/**
 * Room for length more bytes at the queue's end, to be filled by the caller
 * and taken over by queue_commit(). Owned by the queue, valid until it is
 * changed. NULL: no memory.
 */
uint8_t *queue_reserve(struct queue *queue, size_t length);

/** Take over the first length bytes of what queue_reserve() returned. */
void queue_commit(struct queue *queue, size_t length);

/** Append length bytes. Returns 0 or -ENOMEM, the queue then as it was. */
int queue_push(struct queue *queue, const void *bytes, size_t length);

/** Drop the first length bytes, at most queue->used. */
void queue_pull(struct queue *queue, size_t length);

/** Give memory back that an empty queue does not need soon. */
void queue_trim(struct queue *queue);

#endif
