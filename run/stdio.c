/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The task's three streams. fds 0 to 2 are shared with others (slurmstepd,
 * the other ranks, a shell), so O_NONBLOCK is never set on them: a pipe or a
 * terminal is opened again through /proc/self/fd, which gives an open file of
 * our own; a socket is used with MSG_DONTWAIT; a regular file does not block
 * and keeps its shared offset. Where opening again is refused, poll(2) and
 * PIPE_BUF at a time do: a pipe that polls writable takes so much at once.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"

/* An open file of our own for what fd is; a negative errno where that is not possible. */
static int reopen(int fd, int flags)
{
	char path[32];
	int own;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own < 0 ? -errno : own;
}

static void grant(struct run_output *output, uint32_t least)
{
	struct run *run = output->run;
	uint8_t payload[4];

	if (output->owed < least || output->owed == 0 || run->phase != RUN_RUNNING)
		return;
	wire_put_u32(payload, output->owed);
	output->owed = 0;
	run_client_send(run, WIRE_CREDIT, output->stream, payload, sizeof(payload));
}

/* length bytes have left the queue, or have passed by it. */
static void consumed(struct run_output *output, size_t length)
{
	size_t plain = length < output->plain ? length : output->plain;

	output->plain -= plain;
	output->owed += (uint32_t)(length - plain);
	grant(output, output->window / 4);
}

/* Nobody reads this any more, or it is full: what the task writes is dropped, as is its window. */
static void output_break(struct run_output *output, int error)
{
	size_t length = output->queue.used;

	output->io = sd_event_source_disable_unref(output->io);
	output->kind = OUTPUT_BROKEN;
	queue_free(&output->queue);
	consumed(output, length);
	/* EIO: the terminal was hung up */
	if (error != EPIPE && error != EBADF && (error != EIO || output->run->terminal.fd < 0))
		run_say(output->run, "%s: %s", output->stream == WIRE_STDOUT ? "stdout" : "stderr", strerror(error));
}

static ssize_t output_try(const struct run_output *output, const uint8_t *bytes, size_t length)
{
	struct pollfd poller = {.fd = output->fd, .events = POLLOUT};

	if (output->kind == OUTPUT_SOCKET)
		return send(output->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (output->kind == OUTPUT_POLLED) {
		if (poll(&poller, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		length = length < PIPE_BUF ? length : PIPE_BUF;
	}
	return write(output->fd, bytes, length);
}

/* How many of the bytes could be written now; the stream may break. */
static size_t output_some(struct run_output *output, const uint8_t *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = output_try(output, bytes + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		/* without a source nothing would ever try again */
		if (n < 0 && errno == EAGAIN && output->io)
			break;
		if (n < 0) {
			output_break(output, errno);
			break;
		}
		done += (size_t)n;
	}
	return done;
}

/* The reader of a task's closed stdout is to see its end. stderr stays: it is ours too. */
static void output_close(struct run_output *output)
{
	int null;

	if (output->stream != WIRE_STDOUT || output->kind == OUTPUT_BROKEN)
		return;
	output->io = sd_event_source_disable_unref(output->io);
	output->kind = OUTPUT_BROKEN;
	if (output->fd != STDOUT_FILENO)
		close(output->fd);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDOUT_FILENO);
		close(null);
	} else {
		close(STDOUT_FILENO);
	}
}

/* After a change: wait for room, or not; close; end. */
static void output_update(struct run_output *output)
{
	struct run *run = output->run;

	if (output->queue.used == 0 && output->eof)
		output_close(output);
	if (output->io &&
	    sd_event_source_set_enabled(output->io, output->queue.used > 0 ? SD_EVENT_ON : SD_EVENT_OFF) < 0)
		output_break(output, EBADF);
	if (run->phase == RUN_DRAINING && run_output_is_done(&run->outputs[0]) && run_output_is_done(&run->outputs[1]))
		(void)sd_event_exit(run->event, 0);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct run_output *output = data;
	size_t done;

	(void)source;
	(void)fd;
	(void)events;
	done = output_some(output, queue_data(&output->queue), output->queue.used);
	/* a stream that broke has taken its queue, and the account of it, along */
	if (output->kind != OUTPUT_BROKEN) {
		queue_pull(&output->queue, done);
		queue_trim(&output->queue);
		consumed(output, done);
	}
	output_update(output);
	run_client_pump(output->run);
	return 0;
}

int run_output_write(struct run_output *output, const uint8_t *bytes, size_t length, bool own)
{
	size_t done = 0;
	int rc;

	if (own)
		output->plain += length;
	if (output->queue.used == 0 && output->kind != OUTPUT_BROKEN)
		done = output_some(output, bytes, length);
	if (output->kind == OUTPUT_BROKEN)
		done = length;
	consumed(output, done);
	if (done == length)
		return 0;
	rc = queue_push(&output->queue, bytes + done, length - done);
	if (rc == 0)
		output_update(output);
	return rc;
}

void run_output_eof(struct run_output *output)
{
	output->eof = true;
	output_update(output);
}

bool run_output_is_done(const struct run_output *output)
{
	return output->kind == OUTPUT_BROKEN || output->queue.used == 0;
}

static void output_open(struct run *run, struct run_output *output, int fd, uint8_t stream)
{
	struct stat st;
	int own = -1;
	int rc;

	*output = (struct run_output){
	        .run = run, .stream = stream, .fd = fd, .kind = OUTPUT_PLAIN, .window = WIRE_WINDOW_FIRST};
	if (run->was_closed[fd] || fstat(fd, &st) < 0) {
		output->kind = OUTPUT_BROKEN;
		return;
	}
	if (S_ISSOCK(st.st_mode)) {
		output->kind = OUTPUT_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || isatty(fd)) {
		own = reopen(fd, O_WRONLY);
		output->kind = own >= 0 ? OUTPUT_NONBLOCKING : OUTPUT_POLLED;
		output->fd = own >= 0 ? own : fd;
	} else if (S_ISCHR(st.st_mode)) {
		output->kind = OUTPUT_POLLED;
	}
	rc = sd_event_add_io(run->event, &output->io, output->fd, EPOLLOUT, on_output, output);
	/* what cannot be polled does not block */
	if (rc < 0)
		output->kind = OUTPUT_PLAIN;
	else
		(void)sd_event_source_set_enabled(output->io, SD_EVENT_OFF);
}

void run_output_widen(struct run *run)
{
	for (size_t i = 0; i < sizeof(run->outputs) / sizeof(run->outputs[0]); i++) {
		struct run_output *output = &run->outputs[i];

		/* what a key stops is to have soon stopped */
		if (run->terminal.fd >= 0)
			continue;
		output->window = wire_window(run->options.tasks);
		output->owed += output->window - WIRE_WINDOW_FIRST;
		grant(output, 1);
	}
}

static void input_end(struct run *run)
{
	run_input_close(run);
	run_client_send(run, WIRE_EOF, WIRE_STDIN, NULL, 0);
}

/* Read as much as may be sent, and send it. */
static void input_read(struct run *run)
{
	static uint8_t buffer[RUN_READ];
	struct run_input *input = &run->input;
	size_t length = run->channel.credit[WIRE_STDIN];
	ssize_t n;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	n = input->is_socket ? recv(input->fd, buffer, length, MSG_DONTWAIT) : read(input->fd, buffer, length);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* a stream that cannot be read (a folder, a file open for writing) has an end like any other */
	if (n <= 0)
		input_end(run);
	else
		run_client_send(run, WIRE_DATA, WIRE_STDIN, buffer, (size_t)n);
}

static bool input_may_read(const struct run *run)
{
	return run->phase == RUN_RUNNING && run->channel.opened && run->channel.credit[WIRE_STDIN] > 0 &&
	       run->out.used < RUN_OUT_HIGH;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct run *run = data;

	(void)source;
	(void)fd;
	(void)events;
	if (input_may_read(run) && !run->input.closed)
		input_read(run);
	run_input_update(run);
	return 0;
}

static int on_input_file(sd_event_source *source, void *data)
{
	return on_input(source, -1, 0, data);
}

/* The first time that stdin may be read. */
static int input_start(struct run *run)
{
	struct run_input *input = &run->input;
	int rc = sd_event_add_io(run->event, &input->source, input->fd, EPOLLIN, on_input, run);

	/* a regular file is always readable, and epoll refuses it */
	if (rc == -EPERM)
		rc = sd_event_add_defer(run->event, &input->source, on_input_file, run);
	return rc;
}

void run_input_update(struct run *run)
{
	struct run_input *input = &run->input;
	int rc = 0;

	if (run->phase != RUN_RUNNING || run->channel.eof[WIRE_STDIN])
		return;
	if (input->closed) {
		input_end(run);
		return;
	}
	if (!input->source)
		rc = input_start(run);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(input->source, input_may_read(run) ? SD_EVENT_ON : SD_EVENT_OFF);
	if (rc < 0)
		run_fail(run, EXIT_NODE, "cannot watch stdin: %s", strerror(-rc));
}

void run_input_close(struct run *run)
{
	struct run_input *input = &run->input;
	int null;

	input->source = sd_event_source_disable_unref(input->source);
	if (input->closed)
		return;
	input->closed = true;
	if (input->fd != STDIN_FILENO)
		close(input->fd);
	/* who writes to the pipe is to see that nobody reads */
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		close(null);
	}
}

static void input_open(struct run *run)
{
	struct run_input *input = &run->input;
	struct stat st;
	int own;

	*input = (struct run_input){.fd = STDIN_FILENO};
	if (run->was_closed[STDIN_FILENO] || fstat(STDIN_FILENO, &st) < 0) {
		input->closed = true;
		return;
	}
	input->is_socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || isatty(STDIN_FILENO)) {
		own = reopen(STDIN_FILENO, O_RDONLY);
		input->fd = own >= 0 ? own : STDIN_FILENO;
	}
}

void run_stdio_open(struct run *run)
{
	input_open(run);
	output_open(run, &run->outputs[0], STDOUT_FILENO, WIRE_STDOUT);
	output_open(run, &run->outputs[1], STDERR_FILENO, WIRE_STDERR);
}
