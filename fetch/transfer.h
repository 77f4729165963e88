/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A download under way: what has come, where it goes, and how a try of it ends. */
#ifndef WNODES_FETCH_TRANSFER_H
#define WNODES_FETCH_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/fault.h"
#include "fetch/get.h"
#include "fetch/notes.h"
#include "fetch/part.h"
#include "fetch/unpack/unpack.h"

enum verdict {
	VERDICT_DONE,
	VERDICT_AGAIN, /* the same source may do better in a while */
	VERDICT_NEXT,  /* this source has nothing for us */
	VERDICT_STOP,  /* no source can help */
};

struct transfer {
	const struct get_options *options;
	const struct url *url; /* the source */
	uint64_t deadline;     /* of clock_steady() */
	struct part part;
	struct unpack unpack;
	struct notes notes;   /* of which version of which source what has come is the beginning */
	uint64_t received;    /* bytes of it */
	uint64_t highest;     /* most that any try of this source received */
	uint64_t reported_at; /* of clock_steady() */
	uint64_t synced_at;   /* likewise */
	uint64_t paced_at;    /* likewise: when the source began to answer */
	uint64_t paced;       /* bytes since then */
	char boot[NOTES_BOOT];
	/* the try's end; fault.code is 0 as long as there is none */
	enum verdict verdict;
	struct fault fault;
	bool slow;         /* it ended because too little came */
	unsigned int wait; /* seconds that the source asks us to wait */
};

/* What a source says before its bytes come. */
struct answer {
	uint64_t begin;              /* the first byte's place in the whole */
	uint64_t total;              /* bytes of the whole, or NOTES_UNKNOWN */
	const char *etag, *modified; /* "" where there is none */
};

/** End the try: keep the first fault of it. The text is prefixed by the source's URL. Returns -EIO. */
int transfer_fail(struct transfer *transfer, enum verdict verdict, int code, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/** transfer_fail() for the deadline. */
int transfer_late(struct transfer *transfer);

/** From where on the source is to be asked: 0, or what was received, with the validator that it must match. */
uint64_t transfer_offset(const struct transfer *transfer, const char **validator);

/** The source answers. Returns 0, or -EIO with the transfer's fault. */
int transfer_begin(struct transfer *transfer, const struct answer *answer);

/** The next bytes. Returns 0, or -EIO with the transfer's fault. */
int transfer_data(struct transfer *transfer, const void *data, size_t length);

/** The source has sent what it wanted to. Returns 0 when that is the whole image, or -EIO with the transfer's fault. */
int transfer_finish(struct transfer *transfer);

/** Take up size bytes of the part, which transfer->notes are of. Returns 0 or a negative errno. */
int transfer_continue(struct transfer *transfer, uint64_t size);

/** Whether all of the source that was tried last is here, so that nothing need be asked for. */
bool transfer_is_whole(const struct transfer *transfer);

/** What came is of no use for continuing: the next try begins anew. */
void transfer_forget(struct transfer *transfer);

/** Milliseconds until the deadline; 0 when it has passed. */
uint64_t transfer_left(const struct transfer *transfer);

/** One try of a source of each kind; the verdict is also in the transfer. */
enum verdict http_try(struct transfer *transfer);
enum verdict file_try(struct transfer *transfer);

#endif
