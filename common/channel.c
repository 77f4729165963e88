/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/channel.h"

#include <errno.h>

#define SIGNAL_MAX 64U

void channel_init(struct channel *channel)
{
	*channel = (struct channel){0};
	for (unsigned int i = 0; i < WIRE_STREAMS; i++)
		channel->credit[i] = i == WIRE_SPEC ? WIRE_WINDOW : WIRE_WINDOW_FIRST;
}

static bool is_output(uint8_t stream)
{
	return stream == WIRE_STDOUT || stream == WIRE_STDERR;
}

static const char *take_data(struct channel *channel, const struct wire_frame *frame)
{
	if (channel->eof[frame->stream])
		return "DATA after EOF";
	if (frame->length > channel->credit[frame->stream])
		return "DATA beyond its credit";
	channel->credit[frame->stream] -= frame->length;
	return NULL;
}

static const char *take_eof(struct channel *channel, const struct wire_frame *frame)
{
	if (channel->eof[frame->stream])
		return "a second EOF";
	channel->eof[frame->stream] = true;
	return NULL;
}

static const char *take_credit(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload)
{
	uint32_t more = wire_u32(payload);

	if (more > WIRE_WINDOW - channel->credit[frame->stream])
		return "CREDIT for more than was sent";
	channel->credit[frame->stream] += more;
	return NULL;
}

static const char *take_input(struct channel *channel, const struct wire_frame *frame)
{
	const char *why;

	if (is_output(frame->stream))
		return "DATA on an output stream";
	if (frame->stream == WIRE_STDIN)
		return take_data(channel, frame);
	if (channel->start)
		return "spec after START";
	if (frame->length > WIRE_SPEC_MAX - channel->spec)
		return "a spec that is too large";
	why = take_data(channel, frame);
	if (!why)
		channel->spec += frame->length;
	return why;
}

static const char *take_open(struct channel *channel)
{
	if (channel->opened)
		return "a second OPEN";
	channel->opened = true;
	return NULL;
}

static const char *take_start(struct channel *channel)
{
	if (channel->start)
		return "a second START";
	channel->start = true;
	return NULL;
}

int channel_from_client(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                        const char **why)
{
	*why = NULL;
	if (frame->channel != 1)
		*why = "a frame on a channel that is not 1";
	else if (!channel->opened && frame->type != WIRE_OPEN)
		*why = "a frame before OPEN";
	else if (frame->type == WIRE_OPEN)
		*why = take_open(channel);
	else if (frame->type == WIRE_START)
		*why = take_start(channel);
	else if (frame->type == WIRE_DATA)
		*why = take_input(channel, frame);
	else if (frame->type == WIRE_EOF)
		*why = frame->stream == WIRE_STDIN ? take_eof(channel, frame) : "EOF on a stream that has none";
	else if (frame->type == WIRE_CREDIT)
		*why = is_output(frame->stream) ? take_credit(channel, frame, payload) : "CREDIT for its own stream";
	else if (frame->type == WIRE_SIGNAL)
		*why = wire_u32(payload) - 1 < SIGNAL_MAX ? NULL : "a SIGNAL that does not exist";
	else if (frame->type == WIRE_WINSIZE)
		*why = channel->start ? NULL : "WINSIZE before START";
	else if (frame->type != WIRE_KILL)
		*why = "a frame that a client does not send";
	return *why ? -EPROTO : 0;
}

static const char *take_started(struct channel *channel)
{
	if (!channel->start || channel->started)
		return "STARTED without START";
	channel->started = true;
	return NULL;
}

static const char *take_exited(struct channel *channel, const uint8_t *payload)
{
	uint32_t kind = wire_u32(payload);
	uint32_t value = wire_u32(payload + 4);

	if (kind == 0 ? value > 255 : kind > 1 || value - 1 >= SIGNAL_MAX)
		return "EXITED with an impossible value";
	channel->exited = true;
	return NULL;
}

int channel_from_guest(struct channel *channel, const struct wire_frame *frame, const uint8_t *payload,
                       const char **why)
{
	*why = NULL;
	if (!channel->opened || channel->exited)
		*why = "a frame on a channel that is not open";
	else if (frame->type == WIRE_DATA)
		*why = is_output(frame->stream) ? take_data(channel, frame) : "DATA on an input stream";
	else if (frame->type == WIRE_EOF)
		*why = is_output(frame->stream) ? take_eof(channel, frame) : "EOF on an input stream";
	else if (frame->type == WIRE_CREDIT)
		*why = is_output(frame->stream) ? "CREDIT for its own stream" : take_credit(channel, frame, payload);
	else if (frame->type == WIRE_STARTED)
		*why = take_started(channel);
	else if (frame->type == WIRE_EXITED)
		*why = take_exited(channel, payload);
	else if (frame->type != WIRE_NOTE)
		*why = "a frame that a guest does not send";
	return *why ? -EPROTO : 0;
}

uint32_t channel_forgive(struct channel *channel, uint8_t stream, uint32_t least)
{
	uint32_t credit = channel->credit[stream];
	uint32_t more = credit < WIRE_WINDOW_FIRST ? WIRE_WINDOW_FIRST - credit : 0;

	if (more < least)
		return 0;
	channel->credit[stream] += more;
	return more;
}
