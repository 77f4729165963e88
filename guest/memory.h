/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large buffers. They are mapped, not allocated from the heap, and children
 * do not get them: a supervisor would otherwise keep a copy of every page
 * that the agent changes after the fork.
 */
#ifndef WNODES_GUEST_MEMORY_H
#define WNODES_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/** size bytes (rounded up to pages by the kernel), or NULL with errno set. Free with memory_free(). */
void *memory_new(size_t size);

/** Make an area of old bytes one of size bytes; it may move. NULL where that fails: the old one is then as it was. */
void *memory_resize(void *area, size_t old, size_t size);

/** Let the children of later forks have the area. */
void memory_inherit(void *area, size_t size);

/** area may be NULL. */
void memory_free(void *area, size_t size);

#endif
