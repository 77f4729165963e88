/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an HTTP answer's header says. */
#ifndef WNODES_FETCH_HEADER_H
#define WNODES_FETCH_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/notes.h"

struct header {
	char etag[NOTES_VALIDATOR], modified[NOTES_VALIDATOR]; /* "" where there is none that we can use */
	bool encoded;                                          /* in an encoding that nobody asked for */
	bool has_range;
	uint64_t begin, total; /* of Content-Range; NOTES_UNKNOWN where it does not say */
};

/** Take in line[length], with its end of line; a status line begins a new header. */
void header_line(struct header *header, const char *line, size_t length);

/** Parse Content-Range's value, `bytes B-E/T`. Returns 0 or -EINVAL. */
int header_range(const char *value, uint64_t *begin, uint64_t *total);

#endif
