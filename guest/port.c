/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/log.h"
#include "guest/memory.h"
#include "guest/small_file.h"

#define FRAME_MAX (WIRE_HEADER + WIRE_PAYLOAD_MAX)
#define IN_SIZE (4U * WIRE_PAYLOAD_MAX)
#define IN_ONCE (2U * WIRE_PAYLOAD_MAX) /* bytes read before frames are looked at: others want their turn */
#define OUT_SIZE 524288U
#define CONTROL_ROOM 8192U /* of the queue, which DATA leaves to other frames */
/*
 * The kernel's driver takes at most 32 KiB with one write and hands it to the
 * host as one buffer. DATA frames that fill two such buffers leave no
 * remainder behind that would cost a third.
 */
#define CHUNK 32768U
#define DATA_MAX (2U * CHUNK - WIRE_HEADER)
#define FRAMES_ONCE 8 /* that one read fills: a read of a full pipe wakes its writer, which then takes its turn */
#define RETRY_MS 10U

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int port_init(struct port *port, const char *path, int given_fd)
{
	*port = (struct port){.fd = given_fd, .path = path, .given = given_fd >= 0};
	if (ring_reserve(&port->out, OUT_SIZE) < 0)
		return -ENOMEM;
	port->in = memory_new(IN_SIZE);
	if (!port->in) {
		ring_free(&port->out);
		return -ENOMEM;
	}
	if (port->given)
		fcntl(given_fd, F_SETFL, fcntl(given_fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

/* The first line of /sys/class/virtio-ports/PORT/ATTRIBUTE. */
static int sys_attribute(const char *port, const char *attribute, char *line, size_t size)
{
	char path[128];

	if (str_print(path, sizeof(path), "/sys/class/virtio-ports/%s/%s", port, attribute) < 0)
		return -ENOENT;
	return small_file_line(path, line, size);
}

/* Open /dev/PORT; where nobody made that node, make it. */
static int open_device(const char *port)
{
	char path[64], line[32];
	unsigned int major, minor;
	int fd;

	if (str_print(path, sizeof(path), "/dev/%s", port) < 0)
		return -ENOENT;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	if (sys_attribute(port, "dev", line, sizeof(line)) < 0 || sscanf(line, "%u:%u", &major, &minor) != 2)
		return -ENOENT;
	if (mknod(path, S_IFCHR | 0600, makedev(major, minor)) < 0)
		return -errno;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return fd >= 0 ? fd : -errno;
}

/* Look through sysfs: there may be no udev, or none yet, to make a link by the port's name. */
static int open_by_name(void)
{
	DIR *folder = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	char name[64];
	int fd = -ENOENT;

	if (!folder)
		return -ENOENT;
	while (fd == -ENOENT && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && sys_attribute(entry->d_name, "name", name, sizeof(name)) == 0 &&
		    strcmp(name, WIRE_PORT) == 0)
			fd = open_device(entry->d_name);
	closedir(folder);
	return fd;
}

int port_open(struct port *port)
{
	int fd;

	if (port->given)
		return port->fd >= 0 ? 0 : -ENOENT;
	fd = open(port->path ? port->path : "/dev/virtio-ports/" WIRE_PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && !port->path && errno == ENOENT)
		fd = open_by_name();
	else if (fd < 0)
		fd = -errno;
	if (fd < 0)
		return fd;
	port->fd = fd;
	return 0;
}

void port_close(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	port->full = false;
	port->retry_at = 0;
	port->start = 0;
	port->end = 0;
	ring_clear(&port->out);
}

bool port_put(struct port *port, const struct wire_frame *frame, const void *payload)
{
	uint8_t header[WIRE_HEADER];

	if (ring_room(&port->out) < WIRE_HEADER + (size_t)frame->length)
		return false;
	wire_put_header(header, frame);
	ring_put(&port->out, header, sizeof(header));
	ring_put(&port->out, payload, frame->length);
	return true;
}

bool port_has_room(const struct port *port)
{
	return ring_room(&port->out) >= CONTROL_ROOM + CHUNK;
}

ssize_t port_put_data(struct port *port, uint32_t channel, uint8_t stream, int fd, size_t max)
{
	struct wire_frame frame = {.channel = channel, .type = WIRE_DATA, .stream = stream};
	struct iovec to[2 * FRAMES_ONCE];
	size_t room, after = 0;
	uint8_t header[WIRE_HEADER];
	ssize_t length;
	int count = 0;

	if (!port_has_room(port))
		return -ENOBUFS;
	room = ring_room(&port->out) - CONTROL_ROOM;
	for (int i = 0; i < FRAMES_ONCE && max > 0 && room - after > WIRE_HEADER; i++) {
		size_t payload = least(max, least(DATA_MAX, room - after - WIRE_HEADER));

		count += ring_space(&port->out, after + WIRE_HEADER, payload, to + count);
		after += WIRE_HEADER + payload;
		max -= payload;
	}
	length = readv(fd, to, count);
	if (length < 0)
		return -errno;
	for (size_t left = (size_t)length; left > 0; left -= frame.length) {
		frame.length = (uint32_t)least(left, DATA_MAX);
		wire_put_header(header, &frame);
		ring_put(&port->out, header, sizeof(header));
		ring_put(&port->out, NULL, frame.length);
	}
	return length;
}

int port_flush(struct port *port)
{
	size_t most = SIZE_MAX;
	ssize_t rc;

	while (port->fd >= 0 && port->out.used > 0 && !port->full && !port->retry_at) {
		rc = ring_write(&port->out, port->fd, most);
		if (rc >= 0 || rc == -EINTR)
			continue;
		if (rc == -EAGAIN) {
			port->full = true;
		} else if (rc == -ENOMEM && most > 4096) {
			most = 4096; /* the driver wants physically contiguous memory: ask for less */
		} else if (rc == -ENOMEM) {
			port->retry_at = agent_now() + RETRY_MS;
		} else {
			return (int)rc;
		}
	}
	return 0;
}

int port_fill(struct port *port)
{
	size_t got = 0;
	ssize_t rc;

	if (port->start == port->end) {
		port->start = 0;
		port->end = 0;
	} else if (IN_SIZE - port->start < FRAME_MAX) {
		memmove(port->in, port->in + port->start, port->end - port->start);
		port->end -= port->start;
		port->start = 0;
	}
	while (got < IN_ONCE && port->end < IN_SIZE) {
		rc = read(port->fd, port->in + port->end, IN_SIZE - port->end);
		if (rc == 0)
			return 1;
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return errno == EAGAIN ? 0 : -errno;
		port->end += (size_t)rc;
		got += (size_t)rc;
	}
	return 0;
}

int port_next(struct port *port, struct wire_frame *frame, const uint8_t **payload, const char **why)
{
	size_t left = port->end - port->start;
	int rc;

	if (left < WIRE_HEADER)
		return 0;
	rc = wire_get_header(port->in + port->start, frame, why);
	if (rc < 0)
		return rc;
	if (left < WIRE_HEADER + (size_t)frame->length)
		return 0;
	*payload = port->in + port->start + WIRE_HEADER;
	port->start += WIRE_HEADER + (size_t)frame->length;
	return 1;
}
