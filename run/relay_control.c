/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor: it hands over the channel, and says when the machine has ended. */
#include "run/relay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"

#define PACKET_MAX 2048
#define FLUSH_SECONDS 3U /* how long clients have to read the END */

void relay_control_say(struct relay *relay, const char *format, ...)
{
	char packet[PACKET_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(packet, sizeof(packet), format, arguments);
	va_end(arguments);
	if (send(relay->control_fd, packet, strlen(packet), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_error("cannot tell the monitor \"%s\": %s", packet, strerror(errno));
}

static int on_flush_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct relay *relay = data;

	(void)source;
	(void)usec;
	return sd_event_exit(relay->event, 0);
}

/* END for one client; the text and the console's last lines only where they will be said once. */
static void client_end(struct relay_client *client, uint32_t code, const char *text, const uint8_t *tail, size_t length)
{
	bool says = !client->channel.opened || (client->step && client->step->speaker == client);
	uint8_t payload[4 + WIRE_NOTE_MAX];
	size_t used = says ? strnlen(text, WIRE_NOTE_MAX) : 0;

	if (client->fd < 0 || client->channel.exited)
		return;
	/* after all of the console that it can still be sent */
	while (relay_viewer_feed(client))
		;
	wire_put_u32(payload, code);
	memcpy(payload + 4, text, used);
	relay_client_send(client, WIRE_END, 0, payload, 4 + used);
	if (says && length > 0 && !client->viewer)
		relay_client_send(client, WIRE_TAIL, 0, tail, length);
}

/* The machine has ended. */
static int control_end(struct relay *relay, uint32_t code, const char *text)
{
	uint8_t tail[RELAY_TAIL_BYTES];
	size_t length = 0;

	if (relay->ending)
		return 0;
	relay->ending = true;
	relay_guest_close(relay);
	relay_console_drain(relay);
	if (code == EXIT_MACHINE)
		length = relay_console_tail(relay, tail);
	relay_console_close(relay);
	relay->clients.listener = sd_event_source_disable_unref(relay->clients.listener);
	for (size_t i = 0; i < relay->clients.count; i++) {
		client_end(relay->clients.all[i], code, text, tail, length);
		relay_client_touch(relay->clients.all[i]);
	}
	return sd_event_add_time_relative(relay->event, &relay->flush, CLOCK_MONOTONIC, FLUSH_SECONDS * RELAY_SECOND, 0,
	                                  on_flush_over, relay);
}

/* "end CODE MESSAGE" */
static int take_end(struct relay *relay, char *packet)
{
	char *code = packet + strlen("end ");
	char *text = strchr(code, ' ');
	uint64_t number;

	if (text)
		*text++ = 0;
	else
		text = code + strlen(code);
	if (str_u64(code, 0, 255, &number) < 0)
		return -EBADMSG;
	text[strnlen(text, WIRE_NOTE_MAX)] = 0;
	str_printable(text);
	return control_end(relay, (uint32_t)number, text);
}

/* Both descriptors are taken over, whatever comes of it. */
static int take_channel(struct relay *relay, const int fds[2])
{
	int rc;

	if (relay->ending || relay->guest.fd >= 0) {
		close(fds[0]);
		close(fds[1]);
		return relay->ending ? 0 : -EBADMSG;
	}
	rc = relay_console_open(relay, fds[1]);
	if (rc < 0)
		close(fds[0]);
	else
		rc = relay_guest_open(relay, fds[0]);
	return rc;
}

/* The descriptors in message, at most two of them kept; the count of all. */
static size_t take_descriptors(struct msghdr *message, int fds[2])
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < 2)
				fds[count] = fd;
			else
				close(fd);
			count++;
		}
	}
	return count;
}

static int take_packet(struct relay *relay, char *packet, const int fds[2], size_t count)
{
	if (count == 2 && strcmp(packet, "channel") == 0)
		return take_channel(relay, fds);
	for (size_t i = 0; i < count && i < 2; i++)
		close(fds[i]);
	if (count == 0 && strncmp(packet, "mount ", 6) == 0)
		return relay_job_mount(&relay->job, packet + 6);
	if (count == 0 && strncmp(packet, "network ", 8) == 0)
		return relay_job_network(&relay->job, packet + 8);
	if (count == 0 && (strcmp(packet, "pause on") == 0 || strcmp(packet, "pause off") == 0)) {
		relay_guest_pause(relay, strcmp(packet, "pause on") == 0);
		return 0;
	}
	if (count == 0 && strncmp(packet, "end ", 4) == 0)
		return take_end(relay, packet);
	return -EBADMSG;
}

static int on_control(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct relay *relay = data;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	char packet[PACKET_MAX + 1];
	struct iovec iov = {packet, PACKET_MAX};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fds[2] = {-1, -1};
	ssize_t n;
	int rc;

	(void)source;
	(void)events;
	n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* without a monitor there is no machine: nothing is left to relay or to tell */
	if (n <= 0)
		return sd_event_exit(relay->event, 1);
	packet[n] = 0;
	rc = take_packet(relay, packet, fds, take_descriptors(&message, fds));
	if (rc < 0) {
		log_error("job %s: the monitor's packet \"%s\": %s", relay->job.job, packet, strerror(-rc));
		return sd_event_exit(relay->event, 1);
	}
	return relay_settle(relay);
}

int relay_control_open(struct relay *relay, int fd)
{
	relay->control_fd = fd;
	return sd_event_add_io(relay->event, &relay->control, fd, EPOLLIN, on_control, relay);
}
