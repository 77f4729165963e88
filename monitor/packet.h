/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text packets between the monitor's parts, one per SOCK_SEQPACKET
 * message: "WORD" or "WORD TEXT". Each receiver takes its sender for hostile:
 * the owner of libvirt has given up root, and the relay parses what a guest says.
 */
#ifndef WNODES_MONITOR_PACKET_H
#define WNODES_MONITOR_PACKET_H

#include <stddef.h>

#define PACKET_MAX 2048U /* bytes */

enum packet_sender { FROM_OWNER, FROM_RELAY };

enum packet_kind {
	/* owner to reaper */
	PACKET_STATE, /* TEXT: booting, ready */
	PACKET_TIME,  /* TEXT: libvirt, created, hello */
	PACKET_END,   /* CODE, TEXT: the machine has failed */
	PACKET_LOG,   /* TEXT: a line for the site's log */
	PACKET_PAUSE, /* TEXT: on, off: the machine stands still with its job */
	/* relay to owner */
	PACKET_HELLO, /* TEXT: the agent's version */
	PACKET_READY,
	PACKET_BROKEN,    /* TEXT: how the guest broke the protocol */
	PACKET_PANIC,     /* the console shows a kernel panic */
	PACKET_SILENT,    /* the agent does not answer */
	PACKET_RESTARTED, /* the agent began anew */
	PACKET_UNFIT,     /* CODE, TEXT: why the guest cannot take the job */
	PACKET_CONSOLE,   /* TEXT: why the user's console file cannot be opened */
};

struct packet {
	enum packet_kind kind;
	int code;         /* of PACKET_END and PACKET_UNFIT: EXIT_USAGE, EXIT_MACHINE, EXIT_NODE or EXIT_DENIED */
	const char *text; /* in bytes, printable; "" where there is none */
	char bytes[PACKET_MAX + 1];
};

/**
 * Take the packet in packet->bytes[length] apart, as one that sender may
 * send. Returns 0 or -EPROTO.
 */
int packet_parse(struct packet *packet, size_t length, enum packet_sender sender);

/**
 * Receive one packet without waiting. Returns 1; 0 where the peer is gone;
 * -EAGAIN where there is none; -EPROTO; or a negative errno of recv(2).
 */
int packet_receive(int socket, struct packet *packet, enum packet_sender sender);

/**
 * Send one packet without waiting; control characters become '?' and what
 * exceeds PACKET_MAX is cut off. Returns 0 or a negative errno of send(2).
 */
int packet_send(int socket, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Send the packet "WORD" with count descriptors (at most 4); as packet_send(). */
int packet_send_fds(int socket, const char *word, const int *fds, size_t count);

#endif
