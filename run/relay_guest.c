/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's leg. What is read here was written by root of the guest: hostile. */
#include "run/relay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/command.h"
#include "common/log.h"
#include "common/str.h"

#define VERDICT_SECONDS 10U /* the monitor's time to end a machine that is no use any more */
#define PINGS_MAX (WIRE_SILENCE_SECONDS / WIRE_PING_SECONDS)

/* The monitor should have said "end" by now. */
static int on_verdict(sd_event_source *source, uint64_t usec, void *data)
{
	struct relay *relay = data;

	(void)source;
	(void)usec;
	if (relay->guest.broken) {
		log_error("the monitor did not end the machine");
		return sd_event_exit(relay->event, 1);
	}
	relay_guest_break(relay, "its channel was closed");
	return relay_settle(relay);
}

static void await_verdict(struct relay *relay)
{
	struct relay_guest *guest = &relay->guest;

	guest->verdict = sd_event_source_disable_unref(guest->verdict);
	if (sd_event_add_time_relative(relay->event, &guest->verdict, CLOCK_MONOTONIC, VERDICT_SECONDS * RELAY_SECOND,
	                               0, on_verdict, relay) < 0)
		(void)sd_event_exit(relay->event, 1);
}

static void stop_reading(struct relay_guest *guest)
{
	guest->io = sd_event_source_disable_unref(guest->io);
	guest->ping = sd_event_source_disable_unref(guest->ping);
	queue_free(&guest->in);
	queue_free(&guest->out);
}

void relay_guest_break(struct relay *relay, const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (relay->guest.broken || relay->ending)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	str_printable(text);
	relay->guest.broken = true;
	stop_reading(&relay->guest);
	log_error("job %s: %s", relay->job.job, text);
	relay_control_say(relay, "broken %s", text);
	await_verdict(relay);
}

/* QEMU has closed the channel. It is probably dead, and the monitor knows better why. */
static void guest_lost(struct relay *relay)
{
	stop_reading(&relay->guest);
	await_verdict(relay);
}

void relay_guest_send(struct relay *relay, const struct wire_frame *frame, const void *payload)
{
	if (!relay->guest.io)
		return;
	if (frame_push(&relay->guest.out, frame, payload) < 0)
		relay_guest_break(relay, "no memory for what is sent to the guest");
}

void relay_guest_send_u32(struct relay *relay, uint32_t channel, enum wire_type type, uint8_t stream, uint32_t number)
{
	struct wire_frame frame = {4, channel, (uint8_t)type, stream};
	uint8_t payload[4];

	wire_put_u32(payload, number);
	relay_guest_send(relay, &frame, payload);
}

/* Send what the socket takes; it is not an error where that is nothing. */
static void guest_write(struct relay *relay)
{
	struct relay_guest *guest = &relay->guest;

	while (guest->out.used > 0) {
		ssize_t n = send(guest->fd, queue_data(&guest->out), guest->out.used, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			guest_lost(relay);
			return;
		}
		queue_pull(&guest->out, (size_t)n);
	}
	queue_trim(&guest->out);
}

void relay_guest_flush(struct relay *relay)
{
	struct relay_guest *guest = &relay->guest;
	bool throttled = guest->throttled;

	if (!guest->io)
		return;
	guest_write(relay);
	if (guest->out.used > RELAY_GUEST_MAX)
		relay_guest_break(relay, "it does not read its channel");
	if (!guest->io)
		return;
	if (guest->wants_out != (guest->out.used > 0)) {
		guest->wants_out = guest->out.used > 0;
		if (sd_event_source_set_io_events(guest->io, EPOLLIN | (guest->wants_out ? EPOLLOUT : 0)) < 0)
			relay_guest_break(relay, "no memory to watch its channel");
	}
	if (guest->out.used > RELAY_GUEST_HIGH)
		guest->throttled = true;
	else if (guest->out.used < RELAY_GUEST_LOW)
		guest->throttled = false;
	if (throttled != guest->throttled)
		relay_clients_throttle(relay);
}

static int on_ping(sd_event_source *source, uint64_t usec, void *data)
{
	struct relay *relay = data;
	struct relay_guest *guest = &relay->guest;
	struct wire_frame frame = {8, 0, WIRE_PING, 0};
	uint8_t payload[8];

	(void)usec;
	/* counted, not timed: a relay that was itself stopped must not blame the guest */
	if (!guest->paused && guest->pinged - guest->ponged >= PINGS_MAX) {
		relay_control_say(relay, "silent");
		guest->ping = sd_event_source_disable_unref(guest->ping);
		await_verdict(relay);
		guest->broken = true;
		stop_reading(guest);
		return relay_settle(relay);
	}
	if (!guest->paused) {
		wire_put_u64(payload, ++guest->pinged);
		relay_guest_send(relay, &frame, payload);
	}
	if (sd_event_source_set_time_relative(source, WIRE_PING_SECONDS * RELAY_SECOND) < 0 ||
	    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0)
		relay_guest_break(relay, "no memory to watch its channel");
	return relay_settle(relay);
}

/* The guest cannot take the job. */
static void unfit(struct relay *relay, uint32_t code, const char *text)
{
	relay_control_say(relay, "unfit %u %s", code, text);
	relay->guest.broken = true;
	stop_reading(&relay->guest);
	await_verdict(relay);
}

static void take_hello(struct relay *relay, const uint8_t *payload, size_t length)
{
	struct relay_guest *guest = &relay->guest;
	static uint8_t job[WIRE_PAYLOAD_MAX];
	struct wire_frame frame = {0, 0, WIRE_JOB, 0};
	char version[256];
	int packed;

	if (memcmp(payload, WIRE_MAGIC, 8) != 0) {
		relay_guest_break(relay, "a HELLO that is not one");
	} else if (wire_u32(payload + 8) != WIRE_VERSION) {
		relay_guest_break(relay, "its agent speaks version %u of the protocol, this node version %u",
		                  wire_u32(payload + 8), WIRE_VERSION);
	} else if (guest->phase != PHASE_HELLO) {
		relay_control_say(relay, "restarted");
		guest->broken = true;
		stop_reading(guest);
		await_verdict(relay);
	} else {
		(void)snprintf(version, sizeof(version), "%.*s", (int)(length - 16), (const char *)payload + 16);
		str_printable(version);
		relay_control_say(relay, "hello %s", *version ? version : "?");
		if (relay->job.needs_networks && !(wire_u32(payload + 12) & WIRE_NETWORKS)) {
			unfit(relay, EXIT_NODE, "its agent is too old to see to the machine's networks");
			return;
		}
		packed = relay_job_pack(&relay->job, job);
		frame.length = packed < 0 ? 0 : (uint32_t)packed;
		guest->phase = PHASE_JOB;
		relay_guest_send(relay, &frame, job);
	}
}

static void take_ready(struct relay *relay)
{
	struct relay_guest *guest = &relay->guest;

	if (guest->phase != PHASE_JOB) {
		relay_guest_break(relay, guest->phase == PHASE_READY ? "a second READY" : "READY before JOB");
		return;
	}
	guest->phase = PHASE_READY;
	relay_control_say(relay, "ready");
	relay_clients_ready(relay);
	if (sd_event_add_time_relative(relay->event, &guest->ping, CLOCK_MONOTONIC, WIRE_PING_SECONDS * RELAY_SECOND, 0,
	                               on_ping, relay) < 0)
		relay_guest_break(relay, "no memory to watch its channel");
}

static void take_unfit(struct relay *relay, const uint8_t *payload, size_t length)
{
	struct relay_guest *guest = &relay->guest;
	uint32_t code = wire_u32(payload);
	char text[WIRE_NOTE_MAX + 1];

	if (guest->phase != PHASE_JOB || (code != EXIT_USAGE && code != EXIT_NODE)) {
		relay_guest_break(relay, "an UNFIT that it cannot send");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)(length - 4), (const char *)payload + 4);
	str_printable(text);
	unfit(relay, code, *text ? text : "?");
}

static void take_pong(struct relay *relay, const uint8_t *payload)
{
	uint64_t number = wire_u64(payload);

	if (number <= relay->guest.ponged || number > relay->guest.pinged)
		relay_guest_break(relay, "a PONG without PING");
	else
		relay->guest.ponged = number;
}

/* Tell the guest the time: the answer to its question number; 0: it did not ask, and its clock is wrong. */
static void send_clock(struct relay *relay, uint64_t number)
{
	const struct wire_frame frame = {16, 0, WIRE_CLOCK, 0};
	struct timespec now = {0};
	uint8_t payload[16];

	if (relay->guest.phase < PHASE_JOB)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	wire_put_u64(payload, number);
	wire_put_u64(payload + 8, (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
	relay_guest_send(relay, &frame, payload);
}

void relay_guest_pause(struct relay *relay, bool paused)
{
	relay->guest.paused = paused;
	if (!paused)
		send_clock(relay, 0);
}

/* The agent asks for the time. */
static void take_clock(struct relay *relay, const uint8_t *payload, size_t length)
{
	if (relay->guest.phase < PHASE_JOB || length != 8)
		relay_guest_break(relay, length != 8 ? "a CLOCK that asks nothing" : "a CLOCK before JOB");
	else
		send_clock(relay, wire_u64(payload));
}

static void take_machine_frame(struct relay *relay, const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_HELLO)
		take_hello(relay, payload, frame->length);
	else if (frame->type == WIRE_READY)
		take_ready(relay);
	else if (frame->type == WIRE_UNFIT)
		take_unfit(relay, payload, frame->length);
	else if (frame->type == WIRE_PONG)
		take_pong(relay, payload);
	else if (frame->type == WIRE_CLOCK)
		take_clock(relay, payload, frame->length);
	else
		relay_guest_break(relay, "a %s frame, which a guest does not send", wire_type_name(frame->type));
}

/* What the guest still says of a task whose client has gone. */
static void take_orphan_frame(struct relay_client *client, const struct wire_frame *frame)
{
	uint32_t more;

	if (frame->type == WIRE_DATA) {
		more = channel_forgive(&client->channel, frame->stream, WIRE_WINDOW_FIRST / 4);
		if (more)
			relay_guest_send_u32(client->relay, client->channel.id, WIRE_CREDIT, frame->stream, more);
	}
}

static void pass_to_client(struct relay_client *client, const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_CREDIT && wire_u32(payload) == 0)
		return;
	if (frame->type == WIRE_NOTE) {
		if (client->notes >= RELAY_NOTES_MAX || !relay_step_is_news(client, payload, frame->length))
			return;
		client->notes++;
	}
	relay_client_send(client, frame->type, frame->stream, payload, frame->length);
	if (client->out.used > RELAY_CLIENT_MAX + (size_t)client->commands * RELAY_COMMAND_MAX)
		relay_guest_break(client->relay, "more than a task can have to read");
}

static void take_task_frame(struct relay *relay, const struct wire_frame *frame, const uint8_t *payload)
{
	struct relay_client *client = relay_client_find(relay, frame->channel);
	const char *why = NULL;

	if (!client) {
		relay_guest_break(relay, "a %s frame on channel %u, which is not open", wire_type_name(frame->type),
		                  frame->channel);
		return;
	}
	if (channel_from_guest(&client->channel, frame, payload, &why) < 0) {
		relay_guest_break(relay, "%s (%s on channel %u, stream %u)", why, wire_type_name(frame->type),
		                  frame->channel, frame->stream);
		return;
	}
	if (client->fd >= 0)
		pass_to_client(client, frame, payload);
	else
		take_orphan_frame(client, frame);
	if (frame->type == WIRE_EXITED)
		relay_client_exited(client);
}

static void take_frames(struct relay *relay)
{
	struct queue *in = &relay->guest.in;
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	int rc = 0;

	while (!relay->guest.broken && relay->guest.io && (rc = frame_peek(in, &frame, &payload, &why)) == 1) {
		if (frame.channel == 0)
			take_machine_frame(relay, &frame, payload);
		else if (command_is_channel(frame.channel))
			relay_command_from_guest(relay, &frame, payload);
		else
			take_task_frame(relay, &frame, payload);
		/* a guest that was just given up has no queue any more */
		if (in->used > 0)
			frame_pull(in, &frame);
	}
	if (rc < 0)
		relay_guest_break(relay, "%s", why);
}

static int on_guest(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct relay *relay = data;
	struct relay_guest *guest = &relay->guest;
	uint8_t *room;
	ssize_t n;

	(void)source;
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return relay_settle(relay);
	room = queue_reserve(&guest->in, RELAY_GUEST_READ);
	if (!room) {
		relay_guest_break(relay, "no memory for what the guest sends");
		return relay_settle(relay);
	}
	n = read(fd, room, RELAY_GUEST_READ);
	if (n > 0) {
		queue_commit(&guest->in, (size_t)n);
		take_frames(relay);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		guest_lost(relay);
	}
	return relay_settle(relay);
}

static void say_hello(struct relay *relay)
{
	uint8_t payload[16 + sizeof(WNODES_VERSION)];
	struct wire_frame frame = {sizeof(payload) - 1, 0, WIRE_HELLO, 0};

	memcpy(payload, WIRE_MAGIC, 8);
	wire_put_u32(payload + 8, WIRE_VERSION);
	wire_put_u32(payload + 12, WIRE_NETWORKS);
	memcpy(payload + 16, WNODES_VERSION, sizeof(WNODES_VERSION));
	relay_guest_send(relay, &frame, payload);
}

int relay_guest_open(struct relay *relay, int fd)
{
	struct relay_guest *guest = &relay->guest;
	int rc;

	guest->fd = fd;
	rc = sd_event_add_io(relay->event, &guest->io, fd, EPOLLIN, on_guest, relay);
	if (rc < 0)
		return rc;
	guest->phase = PHASE_HELLO;
	say_hello(relay);
	return 0;
}

void relay_guest_close(struct relay *relay)
{
	struct relay_guest *guest = &relay->guest;

	stop_reading(guest);
	guest->verdict = sd_event_source_disable_unref(guest->verdict);
	if (guest->fd >= 0)
		close(guest->fd);
	guest->fd = -1;
}
