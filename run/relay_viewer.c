/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that look at the console: what the ring has, then what comes. Who is slow loses some of it. */
#include "run/relay.h"

#define VIEWER_CHUNK 16384U /* bytes of a frame */

void relay_viewer_begin(struct relay_client *client)
{
	client->viewer = true;
	client->viewed = 0;
	client->credit = WIRE_WINDOW_FIRST;
	client->relay->clients.viewers++;
	relay_client_touch(client);
}

const char *relay_viewer_take(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload)
{
	uint32_t more;

	if (frame->channel != 1 || frame->type != WIRE_CREDIT || frame->stream != WIRE_STDOUT)
		return "a frame that who looks at the console does not send";
	more = wire_u32(payload);
	if (more > WIRE_WINDOW_FIRST - client->credit)
		return "CREDIT for more than was sent";
	client->credit += more;
	relay_client_touch(client);
	return NULL;
}

/* What the ring has lost before this client was sent it. */
static void viewer_catch_up(struct relay_client *client, size_t oldest)
{
	uint8_t lost[8];

	/* what was gone before it came is no loss of its own */
	if (client->viewed > 0) {
		wire_put_u64(lost, oldest - client->viewed);
		relay_client_send(client, WIRE_LOST, 0, lost, sizeof(lost));
	}
	client->viewed = oldest;
}

bool relay_viewer_feed(struct relay_client *client)
{
	const struct relay_console *console = &client->relay->console;
	size_t oldest = console->written > RELAY_RING ? console->written - RELAY_RING : 0;
	size_t at, length;

	if (!client->viewer || client->viewed == console->written || client->credit == 0)
		return false;
	if (client->viewed < oldest)
		viewer_catch_up(client, oldest);
	at = client->viewed % RELAY_RING;
	length = console->written - client->viewed;
	length = length < RELAY_RING - at ? length : RELAY_RING - at;
	length = length < VIEWER_CHUNK ? length : VIEWER_CHUNK;
	length = length < client->credit ? length : client->credit;
	client->viewed += length;
	client->credit -= (uint32_t)length;
	relay_client_send(client, WIRE_DATA, WIRE_STDOUT, console->ring + at, length);
	return true;
}

void relay_viewers_touch(struct relay *relay)
{
	for (size_t i = 0; relay->clients.viewers > 0 && i < relay->clients.count; i++)
		if (relay->clients.all[i]->viewer)
			relay_client_touch(relay->clients.all[i]);
}
