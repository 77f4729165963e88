/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue of bytes that is read and written in place. */
#ifndef WNODES_GUEST_RING_H
#define WNODES_GUEST_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ring {
	uint8_t *bytes;
	size_t size; /* of bytes: 0 or a power of two */
	size_t head; /* where the oldest byte is */
	size_t used;
};

/** Room for at least size bytes in all. Returns 0 or -ENOMEM (the ring is then as it was). */
int ring_reserve(struct ring *ring, size_t size);

/** Free all; the ring is then empty and may be used again. */
void ring_free(struct ring *ring);

/** Forget the bytes, keep the room. */
static inline void ring_clear(struct ring *ring)
{
	ring->head = 0;
	ring->used = 0;
}

static inline size_t ring_room(const struct ring *ring)
{
	return ring->size - ring->used;
}

/** Append length bytes, for which there is room; bytes may be NULL where they are in place already (ring_space()). */
void ring_put(struct ring *ring, const void *bytes, size_t length);

/**
 * Where in memory the length bytes will be that lie `after` bytes behind the
 * end of the queue, for which there is room. Returns the number of pieces: 1 or 2.
 */
int ring_space(const struct ring *ring, size_t after, size_t length, struct iovec out[2]);

/** Write up to max of the oldest bytes to fd and take them out. As write(2), but -errno. */
ssize_t ring_write(struct ring *ring, int fd, size_t max);

#endif
