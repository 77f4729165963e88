/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes unpacked as they arrive. A kind of packing is a file and a struct of functions. */
#ifndef WNODES_FETCH_UNPACK_UNPACK_H
#define WNODES_FETCH_UNPACK_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ, PACKING_ZSTD };

#define UNPACK_MEMORY (UINT64_C(256) << 20) /* what a decoder may use */
#define UNPACK_BUFFER (1U << 20)

/* Takes what was unpacked. Returns 0 or a negative errno, which unpack_feed() hands on. */
typedef int (*unpack_sink)(void *context, const void *data, size_t length);

struct unpack;

/* A kind: its decoder's state is its own, in unpack->state. */
struct unpack_kind {
	const char *name;
	int (*open)(struct unpack *unpack);
	int (*feed)(struct unpack *unpack, const uint8_t *data, size_t length);
	bool (*ended)(const struct unpack *unpack);
	int (*finish)(struct unpack *unpack);
	void (*close)(struct unpack *unpack);
};

struct unpack {
	const struct unpack_kind *kind;
	void *state;
	unpack_sink sink;
	void *context;
	const char *why; /* of -EBADMSG */
	uint8_t *buffer;
};

extern const struct unpack_kind unpack_gzip, unpack_xz, unpack_zstd;

/** Begin, with what is unpacked going to sink(context). Returns 0 or -ENOMEM. unpack_close() when done. */
int unpack_open(struct unpack *unpack, enum packing packing, unpack_sink sink, void *context);

/**
 * The next bytes that arrived. Returns 0; -EBADMSG where they are no such
 * stream, with unpack->why; -ENOMEM where the decoder wants more than
 * UNPACK_MEMORY; or what sink returned.
 */
int unpack_feed(struct unpack *unpack, const void *data, size_t length);

/** No more bytes come. Returns 0, -EBADMSG where the stream has not ended, or as unpack_feed(). */
int unpack_finish(struct unpack *unpack);

/** Free what unpack holds; it may be zero. */
void unpack_close(struct unpack *unpack);

#endif
