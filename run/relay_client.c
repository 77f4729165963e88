/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clients' leg: wnodes-run, or whatever else the job's user lets connect. */
#include "run/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command.h"
#include "common/log.h"

#define ACCEPT_BATCH 64

static uint32_t client_events(const struct relay_client *client)
{
	const struct relay *relay = client->relay;
	uint32_t events = client->out.used > 0 ? EPOLLOUT : 0;

	/* before READY, to see whether it wants the console alone */
	if (!relay->ending && (client->viewer || (!client->ready && !client->held)))
		events |= EPOLLIN;
	/* what an ended task's client still says is read and dropped: unread bytes would reset its connection */
	if (!relay->ending && client->ready && (client->channel.exited || !relay->guest.throttled))
		events |= EPOLLIN;
	return events;
}

void relay_client_touch(struct relay_client *client)
{
	if (client->is_dirty)
		return;
	client->is_dirty = true;
	client->next_dirty = client->relay->clients.dirty;
	client->relay->clients.dirty = client;
}

/* The connection is no more. The channel lives until the guest says EXITED. */
static void client_gone(struct relay_client *client)
{
	struct channel *channel = &client->channel;
	struct wire_frame kill_frame = {0, channel->id, WIRE_KILL, 0};

	if (client->fd < 0)
		return;
	client->io = sd_event_source_disable_unref(client->io);
	close(client->fd);
	client->fd = -1;
	client->relay->clients.viewers -= client->viewer;
	client->viewer = false;
	queue_free(&client->in);
	queue_free(&client->out);
	relay_step_leave(client);
	relay_commands_of_gone(client);
	relay_client_touch(client);
	if (!channel->opened || channel->exited)
		return;
	relay_guest_send(client->relay, &kill_frame, NULL);
	for (uint8_t stream = WIRE_STDOUT; stream <= WIRE_STDERR; stream++) {
		uint32_t more = channel_forgive(channel, stream, 1);

		if (more)
			relay_guest_send_u32(client->relay, channel->id, WIRE_CREDIT, stream, more);
	}
}

static void client_refuse(struct relay_client *client, const char *why)
{
	log_error("job %s: a client is dropped: %s", client->relay->job.job, why);
	client_gone(client);
}

void relay_client_send(struct relay_client *client, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	bool task = type != WIRE_READY && type != WIRE_END && type != WIRE_SPEAKER && type != WIRE_TAIL;
	struct wire_frame frame = {(uint32_t)length, task ? 1 : 0, type, stream};

	relay_client_send_frame(client, &frame, payload);
}

void relay_client_send_frame(struct relay_client *client, const struct wire_frame *frame, const void *payload)
{
	if (client->fd < 0)
		return;
	relay_client_touch(client);
	if (frame_push(&client->out, frame, payload) < 0)
		client_refuse(client, "no memory for what it is sent");
}

/* Where in the sorted list the channel id is or would be. */
static size_t open_index(const struct relay_clients *clients, uint32_t id)
{
	size_t low = 0;
	size_t high = clients->open_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (clients->open[middle]->channel.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct relay_client *relay_client_find(const struct relay *relay, uint32_t id)
{
	const struct relay_clients *clients = &relay->clients;
	size_t i = open_index(clients, id);

	return i < clients->open_count && clients->open[i]->channel.id == id ? clients->open[i] : NULL;
}

void relay_client_exited(struct relay_client *client)
{
	struct relay_clients *clients = &client->relay->clients;
	size_t i = open_index(clients, client->channel.id);

	clients->open_count--;
	memmove(clients->open + i, clients->open + i + 1, (clients->open_count - i) * sizeof(*clients->open));
	relay_step_leave(client);
	relay_client_touch(client);
}

/* The client's OPEN: it gets a channel, and a place in its step. */
static const char *client_open(struct relay_client *client, const uint8_t *name, size_t length)
{
	struct relay_clients *clients = &client->relay->clients;

	if (clients->last_id == UINT32_MAX)
		return "no channel is left";
	client->channel.id = ++clients->last_id;
	clients->open[clients->open_count++] = client;
	if (relay_step_join(client, name, length) < 0)
		return "its step has no good name, or no memory";
	return NULL;
}

static void take_frame(struct relay_client *client, struct wire_frame *frame, const uint8_t *payload)
{
	const char *why = NULL;

	if (client->viewer) {
		why = relay_viewer_take(client, frame, payload);
		if (why)
			client_refuse(client, why);
		return;
	}
	if (frame->type == WIRE_CONSOLE && frame->channel == 1 && !client->channel.opened) {
		relay_viewer_begin(client);
		return;
	}
	if (command_is_channel(frame->channel)) {
		if (relay_command_from_client(client, frame, payload, &why) < 0)
			client_refuse(client, why);
		return;
	}
	if (channel_from_client(&client->channel, frame, payload, &why) < 0) {
		client_refuse(client, why);
		return;
	}
	if (frame->type == WIRE_CREDIT && wire_u32(payload) == 0)
		return;
	if (frame->type == WIRE_OPEN) {
		why = client_open(client, payload, frame->length);
		/* the guest has not heard of this channel: forget it too */
		if (why && client->channel.id) {
			client->channel.exited = true;
			relay_client_exited(client);
		}
		if (why) {
			client->channel.opened = false;
			client_refuse(client, why);
			return;
		}
	}
	frame->channel = client->channel.id;
	relay_guest_send(client->relay, frame, payload);
}

static void take_frames(struct relay_client *client)
{
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	int rc = 0;

	while (client->fd >= 0 && !client->channel.exited &&
	       (rc = frame_peek(&client->in, &frame, &payload, &why)) == 1) {
		struct wire_frame taken = frame;

		take_frame(client, &taken, payload);
		if (client->fd >= 0)
			frame_pull(&client->in, &frame);
	}
	if (rc < 0)
		client_refuse(client, why);
	if (client->channel.exited)
		queue_pull(&client->in, client->in.used);
	queue_trim(&client->in);
}

/* A task's first frame waits for the machine, and what comes after it stays in the socket. */
static void client_hold(struct relay_client *client)
{
	if (client->in.used < WIRE_HEADER)
		return;
	if (queue_data(&client->in)[8] == WIRE_CONSOLE)
		take_frames(client);
	else
		client->held = true;
}

static void client_read(struct relay_client *client)
{
	bool early = !client->ready && !client->viewer;
	size_t most = early ? WIRE_HEADER - client->in.used : RELAY_READ;
	uint8_t *room = queue_reserve(&client->in, most);
	ssize_t n;

	if (!room) {
		client_refuse(client, "no memory for what it sends");
		return;
	}
	n = read(client->fd, room, most);
	if (n > 0) {
		queue_commit(&client->in, (size_t)n);
		if (early)
			client_hold(client);
		else
			take_frames(client);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		client_gone(client);
	}
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct relay_client *client = data;
	struct relay *relay = client->relay;

	(void)source;
	(void)fd;
	relay_client_touch(client);
	/* the throttle may have been set since the event was found */
	if (events & client_events(client) & EPOLLIN)
		client_read(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_gone(client);
	return relay_settle(relay);
}

static void client_flush(struct relay_client *client)
{
	while (client->fd >= 0 && (client->out.used > 0 || relay_viewer_feed(client))) {
		ssize_t n = send(client->fd, queue_data(&client->out), client->out.used, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			client_gone(client);
		else
			queue_pull(&client->out, (size_t)n);
	}
	queue_trim(&client->out);
	if (client->fd >= 0 && sd_event_source_set_io_events(client->io, client_events(client)) < 0)
		client_refuse(client, "no memory to watch it");
}

static void client_free(struct relay_client *client)
{
	struct relay_clients *clients = &client->relay->clients;

	for (size_t i = 0; i < clients->count; i++) {
		if (clients->all[i] != client)
			continue;
		clients->all[i] = clients->all[--clients->count];
		break;
	}
	queue_free(&client->in);
	queue_free(&client->out);
	free(client);
	if (clients->listener && !clients->retry)
		(void)sd_event_source_set_enabled(clients->listener, SD_EVENT_ON);
}

void relay_clients_settle(struct relay *relay)
{
	struct relay_client *client;

	while ((client = relay->clients.dirty) != NULL) {
		relay->clients.dirty = client->next_dirty;
		client->is_dirty = false;
		client_flush(client);
		/* who went just now is touched again, and comes once more */
		if (client->fd < 0 && !client->is_dirty && (!client->channel.opened || client->channel.exited))
			client_free(client);
	}
}

static void client_ready(struct relay_client *client)
{
	client->ready = true;
	relay_client_send(client, WIRE_READY, 0, NULL, 0);
	take_frames(client);
}

void relay_clients_ready(struct relay *relay)
{
	for (size_t i = 0; i < relay->clients.count; i++)
		client_ready(relay->clients.all[i]);
}

void relay_clients_throttle(struct relay *relay)
{
	for (size_t i = 0; i < relay->clients.count; i++) {
		struct relay_client *client = relay->clients.all[i];

		if (client->fd >= 0)
			(void)sd_event_source_set_io_events(client->io, client_events(client));
	}
}

static bool is_allowed(const struct relay *relay, int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == 0 || peer.uid == relay->job.uid;
}

/* fd is owned from here on. */
static void client_add(struct relay *relay, int fd)
{
	struct relay_client *client = NULL;

	if (!is_allowed(relay, fd))
		goto fail;
	client = calloc(1, sizeof(*client));
	if (!client)
		goto fail;
	client->relay = relay;
	client->fd = fd;
	channel_init(&client->channel);
	if (sd_event_add_io(relay->event, &client->io, fd, 0, on_client, client) < 0)
		goto fail;
	relay->clients.all[relay->clients.count++] = client;
	relay_client_touch(client);
	if (relay->guest.phase == PHASE_READY)
		client_ready(client);
	return;
fail:
	log_error("job %s: a client is refused", relay->job.job);
	free(client);
	close(fd);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
	struct relay *relay = data;

	(void)source;
	(void)usec;
	relay->clients.retry = sd_event_source_disable_unref(relay->clients.retry);
	(void)sd_event_source_set_enabled(relay->clients.listener, SD_EVENT_ON);
	return relay_settle(relay);
}

/* No descriptor or no memory: let the backlog wait a second instead of spinning. */
static void accept_later(struct relay *relay)
{
	struct relay_clients *clients = &relay->clients;

	if (!clients->retry && sd_event_add_time_relative(relay->event, &clients->retry, CLOCK_MONOTONIC, RELAY_SECOND,
	                                                  0, on_retry, relay) < 0)
		return;
	(void)sd_event_source_set_enabled(clients->listener, SD_EVENT_OFF);
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct relay *relay = data;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int accepted;

		if (relay->clients.count >= RELAY_CLIENTS_MAX) {
			(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
			break;
		}
		accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (accepted >= 0) {
			client_add(relay, accepted);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			accept_later(relay);
			break;
		}
	}
	return relay_settle(relay);
}

int relay_clients_open(struct relay *relay, int fd)
{
	struct relay_clients *clients = &relay->clients;

	clients->listen_fd = fd;
	clients->all = calloc(RELAY_CLIENTS_MAX, sizeof(struct relay_client *));
	clients->open = calloc(RELAY_CLIENTS_MAX, sizeof(struct relay_client *));
	if (!clients->all || !clients->open)
		return -ENOMEM;
	return sd_event_add_io(relay->event, &clients->listener, fd, EPOLLIN, on_listener, relay);
}

void relay_clients_close(struct relay *relay)
{
	struct relay_clients *clients = &relay->clients;

	clients->listener = sd_event_source_disable_unref(clients->listener);
	clients->retry = sd_event_source_disable_unref(clients->retry);
	while (clients->count > 0) {
		struct relay_client *client = clients->all[clients->count - 1];

		client_gone(client);
		relay_step_leave(client);
		client_free(client);
	}
	relay_steps_free(relay);
	clients->dirty = NULL;
	free(clients->all);
	free(clients->open);
	clients->all = NULL;
	clients->open = NULL;
	clients->open_count = 0;
}
