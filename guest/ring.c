/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "guest/memory.h"

#define RING_MIN 16384U

/* The at most two pieces of [from, from + length) of the ring; returns their number. */
static int pieces(const struct ring *ring, size_t from, size_t length, struct iovec out[2])
{
	size_t start = from & (ring->size - 1), first = ring->size - start;

	if (first > length)
		first = length;
	out[0] = (struct iovec){ring->bytes + start, first};
	out[1] = (struct iovec){ring->bytes, length - first};
	return length > first ? 2 : 1;
}

int ring_reserve(struct ring *ring, size_t size)
{
	struct ring bigger = {.size = ring->size ? ring->size : RING_MIN};
	struct iovec old[2];
	int count;

	if (size <= ring->size)
		return 0;
	while (bigger.size < size)
		bigger.size *= 2;
	bigger.bytes = memory_new(bigger.size);
	if (!bigger.bytes)
		return -ENOMEM;
	count = ring->used ? pieces(ring, ring->head, ring->used, old) : 0;
	for (int i = 0; i < count; i++)
		ring_put(&bigger, old[i].iov_base, old[i].iov_len);
	memory_free(ring->bytes, ring->size);
	*ring = bigger;
	return 0;
}

void ring_free(struct ring *ring)
{
	memory_free(ring->bytes, ring->size);
	*ring = (struct ring){0};
}

void ring_put(struct ring *ring, const void *bytes, size_t length)
{
	struct iovec to[2];
	int count = ring_space(ring, 0, length, to);

	ring->used += length;
	if (!bytes || length == 0)
		return;
	memcpy(to[0].iov_base, bytes, to[0].iov_len);
	if (count > 1)
		memcpy(to[1].iov_base, (const uint8_t *)bytes + to[0].iov_len, to[1].iov_len);
}

int ring_space(const struct ring *ring, size_t after, size_t length, struct iovec out[2])
{
	return pieces(ring, ring->head + ring->used + after, length, out);
}

ssize_t ring_write(struct ring *ring, int fd, size_t max)
{
	struct iovec from[2];
	ssize_t rc;

	if (max > ring->used)
		max = ring->used;
	rc = writev(fd, from, pieces(ring, ring->head, max, from));
	if (rc < 0)
		return -errno;
	ring->used -= (size_t)rc;
	ring->head = ring->used ? (ring->head + (size_t)rc) & (ring->size - 1) : 0;
	return rc;
}
