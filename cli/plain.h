/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What root of a guest prints, made fit for somebody's terminal: text, lines
 * and colours. All else that a terminal would act on is left out.
 */
#ifndef WNODES_CLI_PLAIN_H
#define WNODES_CLI_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#define PLAIN_SEQUENCE 32U /* bytes of the longest sequence that is let through */

/* Zero-initialise at the beginning of a stream. */
struct plain {
	enum { PLAIN_TEXT, PLAIN_ESCAPE, PLAIN_CONTROL } state;
	uint8_t sequence[PLAIN_SEQUENCE]; /* begun, and not yet known to be a colour */
	size_t length;
};

/**
 * Filter length bytes of the stream into out, which has room for length +
 * PLAIN_SEQUENCE. Bytes that are not ASCII text become '?'; of a sequence that
 * is not a colour, at most text is left. Returns the bytes in out.
 */
size_t plain_filter(struct plain *plain, const uint8_t *bytes, size_t length, uint8_t *out);

#endif
