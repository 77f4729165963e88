/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 1952: members one after the other, and zeros after the last where it was padded. */
#include "fetch/unpack/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_ONLY (15 + 16) /* the largest window, and no zlib header */

struct gzip {
	z_stream stream;
	bool between;   /* at the end of a member: another may come */
	bool one_ended; /* one member at least */
	bool padding;   /* zeros were seen: nothing else comes */
};

static int gzip_open(struct unpack *unpack)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip)
		return -ENOMEM;
	unpack->state = gzip;
	if (inflateInit2(&gzip->stream, GZIP_ONLY) == Z_OK)
		return 0;
	free(gzip);
	unpack->state = NULL;
	return -ENOMEM;
}

/* Between two members: whether one begins. */
static int gzip_member(struct unpack *unpack, struct gzip *gzip)
{
	z_stream *stream = &gzip->stream;

	while (gzip->one_ended && stream->avail_in > 0 && *stream->next_in == 0) {
		gzip->padding = true;
		stream->next_in++;
		stream->avail_in--;
	}
	if (stream->avail_in == 0)
		return 0;
	if (gzip->padding) {
		unpack->why = "there is something else after its end";
		return -EBADMSG;
	}
	gzip->between = false;
	return inflateReset(stream) == Z_OK ? 0 : -EBADMSG;
}

static int gzip_inflate(struct unpack *unpack, struct gzip *gzip)
{
	z_stream *stream = &gzip->stream;
	int code, rc;

	stream->next_out = unpack->buffer;
	stream->avail_out = UNPACK_BUFFER;
	code = inflate(stream, Z_NO_FLUSH);
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
		unpack->why = gzip->one_ended ? "there is something else after its end" : "it is damaged, or no gzip";
		return code == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	}
	rc = unpack->sink(unpack->context, unpack->buffer, UNPACK_BUFFER - stream->avail_out);
	if (rc == 0 && code == Z_STREAM_END)
		gzip->between = gzip->one_ended = true;
	return rc;
}

static int gzip_feed(struct unpack *unpack, const uint8_t *data, size_t length)
{
	struct gzip *gzip = unpack->state;
	int rc = 0;

	gzip->stream.next_in = (uint8_t *)data;
	gzip->stream.avail_in = (uInt)length;
	/* a full buffer says that the decoder may hold more */
	do {
		if (gzip->between)
			rc = gzip_member(unpack, gzip);
		if (rc == 0 && !gzip->between)
			rc = gzip_inflate(unpack, gzip);
	} while (rc == 0 && (gzip->stream.avail_in > 0 || (!gzip->between && gzip->stream.avail_out == 0)));
	return rc;
}

static bool gzip_ended(const struct unpack *unpack)
{
	const struct gzip *gzip = unpack->state;

	return gzip->between;
}

static int gzip_finish(struct unpack *unpack)
{
	(void)unpack;
	return 0;
}

static void gzip_close(struct unpack *unpack)
{
	struct gzip *gzip = unpack->state;

	(void)inflateEnd(&gzip->stream);
	free(gzip);
}

const struct unpack_kind unpack_gzip = {
        .name = "gzip",
        .open = gzip_open,
        .feed = gzip_feed,
        .ended = gzip_ended,
        .finish = gzip_finish,
        .close = gzip_close,
};
