/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to the relay. */
#include "run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/command.h"
#include "common/exitcode.h"
#include "run/command.h"

#define TAIL_SECONDS 5U /* after END: for the console's last lines to arrive */

/* Write what the relay takes. Its end is noticed by reading. */
static void client_write(struct run *run)
{
	while (run->sock >= 0 && run->out.used > 0) {
		ssize_t n = send(run->sock, queue_data(&run->out), run->out.used, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			queue_pull(&run->out, run->out.used);
		if (n < 0)
			break;
		queue_pull(&run->out, (size_t)n);
	}
	if (run->io && sd_event_source_set_io_events(run->io, EPOLLIN | (run->out.used > 0 ? EPOLLOUT : 0)) < 0)
		run_fail(run, EXIT_NODE, "cannot watch the VM's relay: no memory");
}

static int client_push(struct run *run, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	bool task = type != WIRE_READY;
	struct wire_frame frame = {(uint32_t)length, task, type, stream};
	const char *why;

	if (channel_from_client(&run->channel, &frame, payload, &why) < 0)
		return -EPROTO;
	return frame_push(&run->out, &frame, payload);
}

void run_client_send(struct run *run, uint8_t type, uint8_t stream, const void *payload, size_t length)
{
	if (run->sock < 0)
		return;
	if (client_push(run, type, stream, payload, length) < 0)
		run_fail(run, EXIT_NODE, "cannot send to the VM: no memory");
	else
		client_write(run);
}

void run_client_send_frame(struct run *run, const struct wire_frame *frame, const void *payload)
{
	if (run->sock < 0)
		return;
	if (frame_push(&run->out, frame, payload) < 0)
		run_fail(run, EXIT_NODE, "cannot send to the VM: no memory");
	else
		client_write(run);
}

/* The spec, as far as credit and room go; START after its last byte. */
static void spec_pump(struct run *run)
{
	while (!run->channel.start && run->out.used < RUN_OUT_HIGH) {
		size_t part = run->spec.used;

		if (part == 0) {
			run_client_send(run, WIRE_START, 0, NULL, 0);
			queue_free(&run->spec);
			(void)run_terminal_resize(run);
			break;
		}
		if (part > run->channel.credit[WIRE_SPEC])
			part = run->channel.credit[WIRE_SPEC];
		if (part > RUN_READ)
			part = RUN_READ;
		if (part == 0 || client_push(run, WIRE_DATA, WIRE_SPEC, queue_data(&run->spec), part) < 0)
			break;
		queue_pull(&run->spec, part);
	}
}

void run_client_pump(struct run *run)
{
	if (run->phase != RUN_RUNNING)
		return;
	spec_pump(run);
	client_write(run);
	run_input_update(run);
	run_commands_pump(run);
}

/* The machine is ready: from here on signals are the task's. */
static void take_ready(struct run *run)
{
	int rc = run_signals_forward(run);

	run_affinity_add(run);

	if (rc < 0) {
		run_fail(run, EXIT_NODE, "cannot forward signals: %s", strerror(-rc));
		return;
	}
	run->inotify = sd_event_source_disable_unref(run->inotify);
	run->timer = sd_event_source_disable_unref(run->timer);
	if (run->shown_waiting)
		run_say(run, "%s: ready after %.1f s", run->image,
		        (double)(run_now() - run->wait.started) / (double)RUN_SECOND);
	run_terminal_raw(run);
	run->phase = RUN_RUNNING;
	run_client_send(run, WIRE_OPEN, 0, run->options.step, strlen(run->options.step));
	run_output_widen(run);
}

static int on_tail_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct run *run = data;

	(void)source;
	(void)usec;
	run_finish(run, false, run->end.code);
	return 0;
}

/* The machine has ended. What else the relay has to say comes until it closes. */
static void take_end(struct run *run, const uint8_t *payload, size_t length)
{
	uint32_t code = wire_u32(payload);

	run->ended = true;
	run->end.code = code > 0 && code < 256 ? (int)code : EXIT_MACHINE;
	(void)snprintf(run->end.text, sizeof(run->end.text), "%.*s", (int)(length - 4), (const char *)payload + 4);
	run_input_close(run);
	run->inotify = sd_event_source_disable_unref(run->inotify);
	run->timer = sd_event_source_disable_unref(run->timer);
	/* the relay gives the text to the speakers alone, and to all before there are any */
	if (run->end.text[0] && (run->speaker || run->options.local))
		run_say(run, "%s", run->end.text);
	if (sd_event_add_time_relative(run->event, &run->timer, CLOCK_MONOTONIC, TAIL_SECONDS * RUN_SECOND, 0,
	                               on_tail_over, run) < 0)
		run_finish(run, false, run->end.code);
}

static void take_note(struct run *run, const uint8_t *payload, size_t length)
{
	/* the relay passes each on once per step, to the task it is about: no matter who is speaker */
	if (payload[0] > 0 || run->options.tty)
		run_say(run, "%.*s", (int)(length - 1), (const char *)payload + 1);
}

static void take_exited(struct run *run, const uint8_t *payload)
{
	run_finish(run, wire_u32(payload) == 1, (int)wire_u32(payload + 4));
}

static void protocol_broken(struct run *run, const char *why)
{
	run_fail(run, EXIT_MACHINE, "the VM's relay broke the protocol: %s", why);
}

static void take_machine_frame(struct run *run, const struct wire_frame *frame, const uint8_t *payload)
{
	if (frame->type == WIRE_READY && run->phase == RUN_CONNECTING)
		take_ready(run);
	else if (frame->type == WIRE_SPEAKER && run->phase == RUN_RUNNING)
		run->speaker = run->settled = true;
	else if (frame->type == WIRE_END && !run->ended)
		take_end(run, payload, frame->length);
	else if (frame->type == WIRE_TAIL && run->ended && (run->speaker || run->options.local))
		run_say_tail(run, payload, frame->length);
	else if (frame->type != WIRE_TAIL || !run->ended)
		protocol_broken(run, wire_type_name(frame->type));
}

static void take_task_frame(struct run *run, const struct wire_frame *frame, const uint8_t *payload)
{
	struct run_output *output = &run->outputs[frame->stream == WIRE_STDERR];
	const char *why;

	if (channel_from_guest(&run->channel, frame, payload, &why) < 0) {
		protocol_broken(run, why);
		return;
	}
	run->settled = true;
	if (frame->type == WIRE_DATA && run_output_write(output, payload, frame->length, false) < 0)
		run_fail(run, EXIT_NODE, "cannot keep the task's output: no memory");
	else if (frame->type == WIRE_EOF)
		run_output_eof(output);
	else if (frame->type == WIRE_NOTE)
		take_note(run, payload, frame->length);
	else if (frame->type == WIRE_EXITED)
		take_exited(run, payload);
}

static void take_frames(struct run *run)
{
	struct wire_frame frame;
	const uint8_t *payload;
	const char *why;
	int rc = 0;

	while (run->phase != RUN_DRAINING && (rc = frame_peek(&run->in, &frame, &payload, &why)) == 1) {
		if (frame.channel == 0)
			take_machine_frame(run, &frame, payload);
		else if (command_is_channel(frame.channel))
			run_command_take(run, &frame, payload);
		else
			take_task_frame(run, &frame, payload);
		frame_pull(&run->in, &frame);
	}
	if (rc < 0)
		protocol_broken(run, why);
}

static void client_lost(struct run *run)
{
	run_client_close(run);
	run_input_close(run);
	if (run->ended)
		run_finish(run, false, run->end.code);
	else
		run_wait_lost(run);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct run *run = data;
	uint8_t *room;
	ssize_t n;

	(void)source;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		room = queue_reserve(&run->in, RUN_READ + WIRE_HEADER);
		if (!room) {
			run_fail(run, EXIT_NODE, "cannot read from the VM: no memory");
			return 0;
		}
		n = read(fd, room, RUN_READ + WIRE_HEADER);
		if (n > 0) {
			queue_commit(&run->in, (size_t)n);
			take_frames(run);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			client_lost(run);
		}
	}
	run_client_pump(run);
	return 0;
}

int run_client_connect(struct run *run)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* by the folder's descriptor: its path may be longer than an address holds */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/tasks.sock", run->dir_fd);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	if (rc == 0)
		rc = sd_event_add_io(run->event, &run->io, fd, EPOLLIN, on_client, run);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	run->sock = fd;
	run->phase = RUN_CONNECTING;
	return 0;
}

void run_client_close(struct run *run)
{
	run->io = sd_event_source_disable_unref(run->io);
	if (run->sock >= 0)
		close(run->sock);
	run->sock = -1;
	queue_free(&run->out);
}
