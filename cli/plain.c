/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/plain.h"

#include <stdbool.h>
#include <string.h>

#define ESCAPE 0x1b

static bool is_final(uint8_t byte, uint8_t first)
{
	return byte >= first && byte <= 0x7e;
}

static uint8_t text_byte(uint8_t byte)
{
	if (byte == '\n' || byte == '\r' || byte == '\t' || byte == '\b')
		return byte;
	return byte < 0x20 || byte > 0x7e ? '?' : byte;
}

/* A byte of `ESC [ … m`, or of what is not that. Returns the bytes put out. */
static size_t control_byte(struct plain *plain, uint8_t byte, uint8_t *out)
{
	size_t length = 0;

	if (plain->length < PLAIN_SEQUENCE)
		plain->sequence[plain->length] = byte;
	plain->length++;
	if (!is_final(byte, 0x40))
		return 0;
	plain->state = PLAIN_TEXT;
	if (byte == 'm' && plain->length <= PLAIN_SEQUENCE) {
		length = plain->length;
		memcpy(out, plain->sequence, length);
	}
	return length;
}

size_t plain_filter(struct plain *plain, const uint8_t *bytes, size_t length, uint8_t *out)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		uint8_t byte = bytes[i];

		if (byte == ESCAPE) {
			plain->state = PLAIN_ESCAPE;
		} else if (plain->state == PLAIN_ESCAPE && byte == '[') {
			plain->state = PLAIN_CONTROL;
			plain->sequence[0] = ESCAPE;
			plain->sequence[1] = byte;
			plain->length = 2;
		} else if (plain->state == PLAIN_ESCAPE) {
			plain->state = is_final(byte, 0x30) ? PLAIN_TEXT : PLAIN_ESCAPE;
		} else if (plain->state == PLAIN_CONTROL) {
			used += control_byte(plain, byte, out + used);
		} else {
			out[used++] = text_byte(byte);
		}
	}
	return used;
}
