/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/unpack/unpack.h"

#include <errno.h>
#include <stdlib.h>

static const struct unpack_kind *const kinds[] = {
        [PACKING_NONE] = NULL, [PACKING_GZIP] = &unpack_gzip, [PACKING_XZ] = &unpack_xz, [PACKING_ZSTD] = &unpack_zstd};

int unpack_open(struct unpack *unpack, enum packing packing, unpack_sink sink, void *context)
{
	int rc;

	*unpack = (struct unpack){.kind = kinds[packing], .sink = sink, .context = context};
	if (!unpack->kind)
		return 0;
	unpack->buffer = malloc(UNPACK_BUFFER);
	rc = unpack->buffer ? unpack->kind->open(unpack) : -ENOMEM;
	if (rc < 0)
		unpack_close(unpack);
	return rc;
}

int unpack_feed(struct unpack *unpack, const void *data, size_t length)
{
	if (!unpack->kind)
		return unpack->sink(unpack->context, data, length);
	return unpack->kind->feed(unpack, data, length);
}

int unpack_finish(struct unpack *unpack)
{
	int rc = unpack->kind ? unpack->kind->finish(unpack) : 0;

	if (rc < 0 || !unpack->kind || unpack->kind->ended(unpack))
		return rc;
	unpack->why = "it ends too early";
	return -EBADMSG;
}

void unpack_close(struct unpack *unpack)
{
	if (unpack->kind && unpack->state)
		unpack->kind->close(unpack);
	free(unpack->buffer);
	*unpack = (struct unpack){0};
}
