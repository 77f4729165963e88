/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/spec_put.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/wire.h"

int spec_put(struct queue *spec, uint16_t tag, const void *bytes, size_t length)
{
	size_t size = wire_attribute_size(length);
	uint8_t *room;

	if (length > WIRE_SPEC_MAX || size > WIRE_SPEC_MAX - spec->used)
		return -E2BIG;
	room = queue_reserve(spec, size);
	if (!room)
		return -ENOMEM;
	queue_commit(spec, wire_put_attribute(room, tag, bytes, length));
	return 0;
}

int spec_put_text(struct queue *spec, uint16_t tag, const char *text)
{
	return spec_put(spec, tag, text, strlen(text));
}

int spec_put_umask(struct queue *spec)
{
	mode_t mask = umask(077);
	uint8_t bytes[4];

	(void)umask(mask);
	wire_put_u32(bytes, mask);
	return spec_put(spec, WIRE_UMASK, bytes, sizeof(bytes));
}

int spec_put_limits(struct queue *spec)
{
	int rc = 0;

	for (int i = 0; i < RLIM_NLIMITS && rc == 0; i++) {
		struct rlimit limit;
		uint8_t bytes[20];

		if (getrlimit(i, &limit) < 0)
			continue;
		wire_put_u32(bytes, (uint32_t)i);
		wire_put_u64(bytes + 4, limit.rlim_cur);
		wire_put_u64(bytes + 12, limit.rlim_max);
		rc = spec_put(spec, WIRE_RLIMIT, bytes, sizeof(bytes));
	}
	return rc;
}
