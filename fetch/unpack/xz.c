/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .xz: streams one after the other, with the padding that the format knows. */
#include "fetch/unpack/unpack.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

struct xz {
	lzma_stream stream;
	bool ended;
};

static int xz_open(struct unpack *unpack)
{
	struct xz *xz = calloc(1, sizeof(*xz));

	if (!xz)
		return -ENOMEM;
	unpack->state = xz;
	if (lzma_stream_decoder(&xz->stream, UNPACK_MEMORY, LZMA_CONCATENATED) == LZMA_OK)
		return 0;
	free(xz);
	unpack->state = NULL;
	return -ENOMEM;
}

static int xz_error(struct unpack *unpack, lzma_ret code)
{
	switch (code) {
	case LZMA_MEMLIMIT_ERROR:
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_FORMAT_ERROR:
		unpack->why = "it is no .xz, or there is something else after its end";
		return -EBADMSG;
	case LZMA_OPTIONS_ERROR:
		unpack->why = "it needs a newer liblzma";
		return -EBADMSG;
	default:
		unpack->why = "it is damaged, or there is something else after its end";
		return -EBADMSG;
	}
}

static int xz_run(struct unpack *unpack, lzma_action action)
{
	struct xz *xz = unpack->state;
	lzma_stream *stream = &xz->stream;
	lzma_ret code;
	int rc = 0;

	do {
		stream->next_out = unpack->buffer;
		stream->avail_out = UNPACK_BUFFER;
		code = lzma_code(stream, action);
		if (code != LZMA_OK && code != LZMA_STREAM_END && code != LZMA_BUF_ERROR)
			return xz_error(unpack, code);
		rc = unpack->sink(unpack->context, unpack->buffer, UNPACK_BUFFER - stream->avail_out);
	} while (rc == 0 && code == LZMA_OK && (stream->avail_in > 0 || stream->avail_out == 0));
	xz->ended = code == LZMA_STREAM_END;
	return rc;
}

static int xz_feed(struct unpack *unpack, const uint8_t *data, size_t length)
{
	struct xz *xz = unpack->state;

	xz->stream.next_in = data;
	xz->stream.avail_in = length;
	return xz_run(unpack, LZMA_RUN);
}

/* Between streams another may come: only LZMA_FINISH tells the decoder that none does. */
static int xz_finish(struct unpack *unpack)
{
	return xz_run(unpack, LZMA_FINISH);
}

static bool xz_ended(const struct unpack *unpack)
{
	const struct xz *xz = unpack->state;

	return xz->ended;
}

static void xz_close(struct unpack *unpack)
{
	struct xz *xz = unpack->state;

	lzma_end(&xz->stream);
	free(xz);
}

const struct unpack_kind unpack_xz = {
        .name = "xz",
        .open = xz_open,
        .feed = xz_feed,
        .ended = xz_ended,
        .finish = xz_finish,
        .close = xz_close,
};
