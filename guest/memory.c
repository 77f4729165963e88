/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/memory.h"

#include <sys/mman.h>

void *memory_new(size_t size)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	madvise(area, size, MADV_DONTFORK);
	return area;
}

void *memory_resize(void *area, size_t old, size_t size)
{
	void *moved = mremap(area, old, size, MREMAP_MAYMOVE);

	return moved == MAP_FAILED ? NULL : moved;
}

void memory_inherit(void *area, size_t size)
{
	madvise(area, size, MADV_DOFORK);
}

void memory_free(void *area, size_t size)
{
	if (area)
		munmap(area, size);
}
