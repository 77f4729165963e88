/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial console: into the user's file, and its last words into a ring. */
#include "run/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"

#define CONSOLE_READ 16384U
#define DRAIN_MAX 64                       /* reads at the end: bounded, since a guest may print for ever */
#define PANIC "Kernel panic - not syncing" /* its first letter occurs once in it: the scan relies on that */

int relay_console_open_file(struct relay *relay)
{
	if (!relay->job.console)
		return 0;
	/* O_NONBLOCK: neither a fifo without a reader nor one that is full may stop the relay */
	relay->console.file =
	        open(relay->job.console, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	return relay->console.file < 0 ? -errno : 0;
}

static void file_write(struct relay *relay, const uint8_t *bytes, size_t length)
{
	struct relay_console *console = &relay->console;

	while (console->file >= 0 && length > 0) {
		ssize_t n = write(console->file, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return; /* a reader that is slow misses what it is slow for */
		if (n <= 0) {
			log_error("job %s: the console's file: %s", relay->job.job, strerror(errno));
			close(console->file);
			console->file = -1;
			console->file_failed = true;
			return;
		}
		bytes += n;
		length -= (size_t)n;
	}
}

static void ring_put(struct relay_console *console, const uint8_t *bytes, size_t length)
{
	if (length > RELAY_RING) {
		console->written += length - RELAY_RING;
		bytes += length - RELAY_RING;
		length = RELAY_RING;
	}
	while (length > 0) {
		size_t at = console->written % RELAY_RING;
		size_t part = length < RELAY_RING - at ? length : RELAY_RING - at;

		memcpy(console->ring + at, bytes, part);
		console->written += part;
		bytes += part;
		length -= part;
	}
}

static void panic_seen(struct relay *relay)
{
	relay->console.panicked = true;
	relay_control_say(relay, "panic");
}

static void panic_scan(struct relay *relay, const uint8_t *bytes, size_t length)
{
	struct relay_console *console = &relay->console;

	for (size_t i = 0; i < length && !console->panicked; i++) {
		if (bytes[i] == (uint8_t)PANIC[console->matched])
			console->matched++;
		else
			console->matched = bytes[i] == (uint8_t)PANIC[0];
		if (console->matched == strlen(PANIC))
			panic_seen(relay);
	}
}

/* Once, to whoever speaks: the rest of the console is lost. */
static void say_file_failed(struct relay *relay)
{
	static const char note[] = "\1--vm-console: the file cannot be written; the rest of the console is lost";

	if (!relay->console.file_failed)
		return;
	relay->console.file_failed = false;
	for (struct relay_step *step = relay->clients.steps; step; step = step->next)
		if (step->speaker)
			relay_client_send(step->speaker, WIRE_NOTE, 0, note, sizeof(note) - 1);
}

void relay_console_take(struct relay *relay, const uint8_t *bytes, size_t length)
{
	file_write(relay, bytes, length);
	ring_put(&relay->console, bytes, length);
	panic_scan(relay, bytes, length);
	relay_viewers_touch(relay);
	say_file_failed(relay);
}

/* One read. Returns the bytes, 0 where the console has ended, or a negative errno. */
static ssize_t console_read(struct relay *relay)
{
	static uint8_t buffer[CONSOLE_READ];
	ssize_t n = read(relay->console.fd, buffer, sizeof(buffer));

	if (n < 0)
		return -errno;
	relay_console_take(relay, buffer, (size_t)n);
	return n;
}

static int on_console(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct relay *relay = data;
	ssize_t n;

	(void)source;
	(void)fd;
	(void)events;
	n = console_read(relay);
	/* its end is not the machine's: the monitor says that */
	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
		relay->console.io = sd_event_source_disable_unref(relay->console.io);
	return relay_settle(relay);
}

int relay_console_open(struct relay *relay, int fd)
{
	relay->console.fd = fd;
	if (fcntl(fd, F_SETFL, O_NONBLOCK | O_RDWR) < 0)
		return -errno;
	return sd_event_add_io(relay->event, &relay->console.io, fd, EPOLLIN, on_console, relay);
}

void relay_console_drain(struct relay *relay)
{
	int reads = 0;

	if (relay->console.fd < 0 || !relay->console.io)
		return;
	while (reads < DRAIN_MAX && console_read(relay) > 0)
		reads++;
}

void relay_console_close(struct relay *relay)
{
	struct relay_console *console = &relay->console;

	console->io = sd_event_source_disable_unref(console->io);
	if (console->fd >= 0)
		close(console->fd);
	if (console->file >= 0)
		close(console->file);
	console->fd = -1;
	console->file = -1;
}

/* The ring's bytes in order, without what a terminal would act on; their number. */
static size_t ring_text(const struct relay_console *console, uint8_t *out)
{
	size_t length = console->written < RELAY_RING ? console->written : RELAY_RING;
	size_t used = 0;

	for (size_t i = console->written - length; i < console->written; i++) {
		uint8_t byte = console->ring[i % RELAY_RING];

		if (byte == '\n' || (byte >= 0x20 && byte < 0x7f))
			out[used++] = byte;
		else if (byte == '\t')
			out[used++] = ' ';
		else if (byte != '\r')
			out[used++] = '?';
	}
	return used;
}

/* Where the last lines of text[end] begin. */
static size_t last_lines(const uint8_t *text, size_t end)
{
	size_t cut = end > RELAY_TAIL_BYTES - 1 ? end - (RELAY_TAIL_BYTES - 1) : 0;
	unsigned int lines = 0;
	size_t start = end;

	while (start > cut && lines < RELAY_TAIL_LINES)
		lines += text[--start] == '\n';
	return start < end && text[start] == '\n' ? start + 1 : start;
}

/* Where the line of the kernel's panic begins, whose reason comes before its long trace; end: nowhere. */
static size_t panic_line(const uint8_t *text, size_t end)
{
	const uint8_t *found = memmem(text, end, PANIC, strlen(PANIC));
	size_t start = found ? (size_t)(found - text) : end;

	while (found && start > 0 && text[start - 1] != '\n')
		start--;
	return start;
}

size_t relay_console_tail(const struct relay *relay, uint8_t *out)
{
	static uint8_t text[RELAY_RING];
	size_t end = ring_text(&relay->console, text);
	size_t start, panic;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	start = last_lines(text, end);
	panic = relay->console.panicked ? panic_line(text, end) : end;
	if (panic < start)
		start = panic;
	if (end - start > RELAY_TAIL_BYTES - 1)
		end = start + RELAY_TAIL_BYTES - 1;
	memcpy(out, text + start, end - start);
	if (end > start)
		out[end++ - start] = '\n';
	return end - start;
}
