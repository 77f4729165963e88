/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/wire.h"

#include <errno.h>
#include <string.h>

/* What common/protocol.md fixes for each type. */
static const struct rule {
	const char *name;
	bool task; /* on a task's channel, else on channel 0 */
	bool has_stream;
	uint32_t min, max; /* bytes of payload */
} rules[WIRE_TYPES] = {
        [WIRE_HELLO] = {"HELLO", false, false, 16, 256},
        [WIRE_JOB] = {"JOB", false, false, 0, WIRE_PAYLOAD_MAX},
        [WIRE_READY] = {"READY", false, false, 0, 0},
        [WIRE_END] = {"END", false, false, 4, 4 + WIRE_NOTE_MAX},
        [WIRE_SPEAKER] = {"SPEAKER", false, false, 0, 0},
        [WIRE_OPEN] = {"OPEN", true, false, 1, WIRE_STEP_MAX},
        [WIRE_START] = {"START", true, false, 0, 0},
        [WIRE_DATA] = {"DATA", true, true, 1, WIRE_PAYLOAD_MAX},
        [WIRE_EOF] = {"EOF", true, true, 0, 0},
        [WIRE_CREDIT] = {"CREDIT", true, true, 4, 4},
        [WIRE_SIGNAL] = {"SIGNAL", true, false, 4, 4},
        [WIRE_KILL] = {"KILL", true, false, 0, 0},
        [WIRE_STARTED] = {"STARTED", true, false, 4, 4},
        [WIRE_NOTE] = {"NOTE", true, false, 2, 1 + WIRE_NOTE_MAX},
        [WIRE_EXITED] = {"EXITED", true, false, 8, 8},
        [WIRE_PING] = {"PING", false, false, 8, 8},
        [WIRE_PONG] = {"PONG", false, false, 8, 8},
        [WIRE_TAIL] = {"TAIL", false, false, 1, WIRE_PAYLOAD_MAX},
        [WIRE_UNFIT] = {"UNFIT", false, false, 5, 4 + WIRE_NOTE_MAX},
        [WIRE_WINSIZE] = {"WINSIZE", true, false, 8, 8},
        [WIRE_CONSOLE] = {"CONSOLE", true, false, 0, 0},
        [WIRE_LOST] = {"LOST", true, false, 8, 8},
        [WIRE_COMMAND] = {"COMMAND", true, false, 4, 4},
        [WIRE_CLOCK] = {"CLOCK", false, false, 8, 16},
};

uint32_t wire_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t wire_u64(const uint8_t *p)
{
	return (uint64_t)wire_u32(p) | (uint64_t)wire_u32(p + 4) << 32;
}

void wire_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

void wire_put_u64(uint8_t *p, uint64_t v)
{
	wire_put_u32(p, (uint32_t)v);
	wire_put_u32(p + 4, (uint32_t)(v >> 32));
}

void wire_put_header(uint8_t *out, const struct wire_frame *frame)
{
	wire_put_u32(out, frame->length);
	wire_put_u32(out + 4, frame->channel);
	out[8] = frame->type;
	out[9] = frame->stream;
	out[10] = 0;
	out[11] = 0;
}

int wire_get_header(const uint8_t *in, struct wire_frame *frame, const char **why)
{
	const struct rule *rule;

	*why = NULL;
	frame->length = wire_u32(in);
	frame->channel = wire_u32(in + 4);
	frame->type = in[8];
	frame->stream = in[9];
	if (frame->type >= WIRE_TYPES || !rules[frame->type].name) {
		*why = "a frame of unknown type";
		return -EPROTO;
	}
	rule = &rules[frame->type];
	if (in[10] != 0 || in[11] != 0)
		*why = "a frame whose reserved field is not zero";
	else if (frame->length < rule->min || frame->length > rule->max)
		*why = "a frame whose length its type does not allow";
	else if (rule->task != (frame->channel != 0))
		*why = "a frame on a channel its type does not allow";
	else if (frame->stream >= WIRE_STREAMS || (!rule->has_stream && frame->stream != 0))
		*why = "a frame for an unknown stream";
	return *why ? -EPROTO : 0;
}

const char *wire_type_name(uint8_t type)
{
	return type < WIRE_TYPES && rules[type].name ? rules[type].name : "?";
}

size_t wire_put_attribute(uint8_t *out, uint16_t tag, const void *bytes, size_t length)
{
	out[0] = (uint8_t)tag;
	out[1] = (uint8_t)(tag >> 8);
	out[2] = 0;
	out[3] = 0;
	wire_put_u32(out + 4, (uint32_t)length);
	if (length)
		memcpy(out + 8, bytes, length);
	return wire_attribute_size(length);
}

int wire_next_attribute(const uint8_t *buffer, size_t size, size_t *offset, struct wire_attribute *attribute)
{
	size_t left = size - *offset;
	const uint8_t *p = buffer + *offset;

	if (left == 0)
		return 0;
	if (left < 8 || p[2] != 0 || p[3] != 0)
		return -EPROTO;
	attribute->tag = (uint16_t)(p[0] | p[1] << 8);
	attribute->length = wire_u32(p + 4);
	if (attribute->length > left - 8)
		return -EPROTO;
	attribute->bytes = p + 8;
	*offset += wire_attribute_size(attribute->length);
	return 1;
}

bool wire_is_text(const struct wire_attribute *attribute)
{
	return attribute->length == 0 || memchr(attribute->bytes, 0, attribute->length) == NULL;
}
