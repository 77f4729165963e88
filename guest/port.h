/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel to the host: finding and opening the virtio-serial port, and
 * frames over it, buffered and never blocking.
 */
#ifndef WNODES_GUEST_PORT_H
#define WNODES_GUEST_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"
#include "guest/ring.h"

struct port {
	int fd;            /* -1 while closed */
	const char *path;  /* open this instead of looking for the port; or NULL */
	bool given;        /* fd was handed to the agent: it cannot be opened again */
	struct ring out;   /* frames on their way to the host */
	bool full;         /* the port took no more: wait for POLLOUT */
	uint64_t retry_at; /* the kernel had no memory for a write: try again then (agent_now()) */
	uint8_t *in;       /* from the host: [start, end) is not yet taken */
	size_t start, end;
};

/** Set up *port, closed; path and given_fd (or -1) as in struct port. Returns 0 or -ENOMEM. */
int port_init(struct port *port, const char *path, int given_fd);

/** Open it. Returns 0, or -ENOENT where there is none (yet), or another -errno. */
int port_open(struct port *port);

/** Close it and forget what is buffered. */
void port_close(struct port *port);

/**
 * Queue a frame; payload has frame->length bytes. Returns false, and queues
 * nothing, where there is no room at present.
 */
bool port_put(struct port *port, const struct wire_frame *frame, const void *payload);

/**
 * Queue up to max bytes, read from fd at once, as DATA frames. Returns the bytes, 0 at
 * fd's end of file, -EAGAIN where nothing is to be read, -ENOBUFS where there
 * is no room at present, or another -errno of read(2).
 */
ssize_t port_put_data(struct port *port, uint32_t channel, uint8_t stream, int fd, size_t max);

/** Whether port_put_data() has room. */
bool port_has_room(const struct port *port);

/** Write what is queued as far as the port takes it. Returns 0, or -errno where the port has failed. */
int port_flush(struct port *port);

/** Read what is there, bounded. Returns 1 where the host has gone, 0, or -errno where the port has failed. */
int port_fill(struct port *port);

/**
 * Take the next whole frame. Returns 1 with *payload pointing into the
 * buffer (valid until port_fill()), 0 where there is none, or -EPROTO with
 * *why (static).
 */
int port_next(struct port *port, struct wire_frame *frame, const uint8_t **payload, const char **why);

#endif
