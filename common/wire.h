/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames and attributes of common/protocol.md, packed and unpacked.
 * Nothing here does I/O or allocates.
 */
#ifndef WNODES_COMMON_WIRE_H
#define WNODES_COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER 12U           /* bytes of a frame's header */
#define WIRE_PAYLOAD_MAX 65536U   /* bytes of payload a frame may carry */
#define WIRE_WINDOW 1048576U      /* bytes a sender may be ahead at most, per stream; of a spec from the start */
#define WIRE_WINDOW_FIRST 65536U  /* bytes it may be ahead before any CREDIT */
#define WIRE_WINDOWS 33554432U    /* bytes of one stream that all tasks together should be ahead at most */
#define WIRE_SPEC_MAX (16U << 20) /* bytes of a task's spec */
#define WIRE_PROGRAMS_MAX 65536U  /* bytes of the lines of --multi-prog */
#define WIRE_STEP_MAX 64U         /* bytes of a step's name */
#define WIRE_NOTE_MAX 1024U       /* bytes of a NOTE's text */
#define WIRE_MAGIC "wnodes\0\0"   /* 8 bytes at the start of HELLO */
#define WIRE_VERSION 1U
#define WIRE_NETWORKS 1U               /* of HELLO's features: the agent knows NETWORK */
#define WIRE_PORT "org.wnodes.agent.0" /* the virtio-serial port's name */
#define WIRE_MOUNT_TAG "wnodes%u"      /* printf(3)'s: the mount tag of the device of a host directory */
#define WIRE_MOUNT_OPTIONAL 2U         /* of a MOUNT's flags */
#define WIRE_MOUNT_READ_ONLY 1U        /* of a MOUNT's flags */
#define WIRE_MOUNT_VIRTIOFS 4U         /* of a MOUNT's flags: a virtiofs device, not one of 9p */
#define WIRE_NETWORK_FIXED 16U         /* bytes of a NETWORK before its attributes */
#define WIRE_NETWORK_DHCP 1U           /* of a NETWORK's flags */
#define WIRE_NETWORKS_MAX 8U           /* NETWORKs of a JOB */
#define WIRE_PING_SECONDS 20U
#define WIRE_SILENCE_SECONDS 120U

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_JOB,
	WIRE_READY,
	WIRE_END,
	WIRE_SPEAKER,
	WIRE_OPEN,
	WIRE_START,
	WIRE_DATA,
	WIRE_EOF,
	WIRE_CREDIT,
	WIRE_SIGNAL,
	WIRE_KILL,
	WIRE_STARTED,
	WIRE_NOTE,
	WIRE_EXITED,
	WIRE_PING,
	WIRE_PONG,
	WIRE_TAIL,
	WIRE_UNFIT,
	WIRE_WINSIZE = 20,
	WIRE_CONSOLE,
	WIRE_LOST,
	WIRE_COMMAND = 24,
	WIRE_CLOCK = 30,
	WIRE_TYPES
};

enum wire_stream { WIRE_STDIN, WIRE_STDOUT, WIRE_STDERR, WIRE_SPEC, WIRE_STREAMS };

enum wire_tag {
	WIRE_ARG = 1,
	WIRE_ENV,
	WIRE_CWD,
	WIRE_UMASK,
	WIRE_RLIMIT,
	WIRE_SCRIPT,
	WIRE_USER = 16,
	WIRE_UID,
	WIRE_GID,
	WIRE_HOME,
	WIRE_SHELL,
	WIRE_GROUP,
	WIRE_HOSTNAME,
	WIRE_TERMINAL = 32,
	WIRE_FALLBACK,
	WIRE_MOUNT = 40,
	WIRE_COMMANDS = 44,
	WIRE_FILE,
	WIRE_PROGRAMS,
	WIRE_UUID = 50,
	WIRE_AFFINITY,
	WIRE_NETWORK,
	WIRE_NETWORK_NAME,
	WIRE_NETWORK_ADDRESS,
	WIRE_NETWORK_GATEWAY,
	WIRE_NETWORK_DNS
};

struct wire_frame {
	uint32_t length; /* of the payload, bytes */
	uint32_t channel;
	uint8_t type;
	uint8_t stream;
};

struct wire_attribute {
	uint16_t tag;
	uint32_t length;
	const uint8_t *bytes; /* points into the buffer that was parsed */
};

/** Little-endian numbers at p, which need not be aligned. */
uint32_t wire_u32(const uint8_t *p);
uint64_t wire_u64(const uint8_t *p);
void wire_put_u32(uint8_t *p, uint32_t v);
void wire_put_u64(uint8_t *p, uint64_t v);

/** Write frame's header to out, WIRE_HEADER bytes. */
void wire_put_header(uint8_t *out, const struct wire_frame *frame);

/**
 * Read a header from the WIRE_HEADER bytes at in. Checks what holds for any
 * frame on either leg: known type, length within WIRE_PAYLOAD_MAX, known
 * stream (0 where the type has none), zero field, channel 0 for the machine's
 * types and not 0 for a task's, and the payload's length where the type
 * fixes it. Returns 0, or -EPROTO with *why pointing to a static text.
 */
int wire_get_header(const uint8_t *in, struct wire_frame *frame, const char **why);

/** The type's name in common/protocol.md; "?" for an unknown one. Static. */
const char *wire_type_name(uint8_t type);

/** How many bytes a receiver lets a stream's sender be ahead where so many tasks have that stream; 0: unknown. */
static inline uint32_t wire_window(size_t tasks)
{
	size_t share = tasks > 0 ? WIRE_WINDOWS / tasks : 0;

	if (share < WIRE_WINDOW_FIRST)
		return WIRE_WINDOW_FIRST;
	return share < WIRE_WINDOW ? (uint32_t)share : WIRE_WINDOW;
}

/** Bytes that an attribute with so many bytes of content takes. */
static inline size_t wire_attribute_size(size_t length)
{
	return 8 + length;
}

/**
 * Write an attribute to out, which has room for wire_attribute_size(length);
 * returns the bytes written. length is at most WIRE_SPEC_MAX.
 */
size_t wire_put_attribute(uint8_t *out, uint16_t tag, const void *bytes, size_t length);

/**
 * Take the next attribute of buffer[*offset, size). Returns 1 with *attribute
 * set and *offset advanced, 0 at the end, -EPROTO where it does not fit.
 */
int wire_next_attribute(const uint8_t *buffer, size_t size, size_t *offset, struct wire_attribute *attribute);

/** Whether the attribute's bytes are a text: no NUL among them. */
bool wire_is_text(const struct wire_attribute *attribute);

#endif
