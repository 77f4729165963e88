/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 8878: frames one after the other, skippable ones too. */
#include "fetch/unpack/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG 28 /* UNPACK_MEMORY; zstd itself stops at half of it, unless it is told --long=28 and more */

struct zstd {
	ZSTD_DStream *stream;
	bool ended; /* at the end of a frame */
	bool one_ended;
};

static int zstd_open(struct unpack *unpack)
{
	struct zstd *zstd = calloc(1, sizeof(*zstd));

	if (!zstd)
		return -ENOMEM;
	unpack->state = zstd;
	zstd->stream = ZSTD_createDStream();
	if (zstd->stream && !ZSTD_isError(ZSTD_DCtx_setParameter(zstd->stream, ZSTD_d_windowLogMax, WINDOW_LOG)))
		return 0;
	(void)ZSTD_freeDStream(zstd->stream);
	free(zstd);
	unpack->state = NULL;
	return -ENOMEM;
}

static int zstd_error(struct unpack *unpack, const struct zstd *zstd, size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_memory_allocation:
	case ZSTD_error_frameParameter_windowTooLarge:
		return -ENOMEM;
	case ZSTD_error_prefix_unknown:
		unpack->why = zstd->one_ended ? "there is something else after its end" : "it is no .zst";
		return -EBADMSG;
	default:
		unpack->why = "it is damaged";
		return -EBADMSG;
	}
}

static int zstd_feed(struct unpack *unpack, const uint8_t *data, size_t length)
{
	struct zstd *zstd = unpack->state;
	ZSTD_inBuffer in = {data, length, 0};
	ZSTD_outBuffer out;
	int rc;

	do {
		size_t left;

		out = (ZSTD_outBuffer){unpack->buffer, UNPACK_BUFFER, 0};
		left = ZSTD_decompressStream(zstd->stream, &out, &in);
		if (ZSTD_isError(left))
			return zstd_error(unpack, zstd, left);
		zstd->ended = left == 0;
		zstd->one_ended |= zstd->ended;
		rc = unpack->sink(unpack->context, unpack->buffer, out.pos);
	} while (rc == 0 && (in.pos < in.size || (!zstd->ended && out.pos == out.size)));
	return rc;
}

static bool zstd_ended(const struct unpack *unpack)
{
	const struct zstd *zstd = unpack->state;

	return zstd->ended;
}

static int zstd_finish(struct unpack *unpack)
{
	(void)unpack;
	return 0;
}

static void zstd_close(struct unpack *unpack)
{
	struct zstd *zstd = unpack->state;

	(void)ZSTD_freeDStream(zstd->stream);
	free(zstd);
}

const struct unpack_kind unpack_zstd = {
        .name = "zstd",
        .open = zstd_open,
        .feed = zstd_feed,
        .ended = zstd_ended,
        .finish = zstd_finish,
        .close = zstd_close,
};
