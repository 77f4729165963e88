/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal as common/protocol.md carries it: which of a task's streams it
 * is, how large, in which modes. No I/O.
 */
#ifndef WNODES_COMMON_TERMINAL_H
#define WNODES_COMMON_TERMINAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

#define TERMINAL_STDIN 1U  /* bits of the streams that it is */
#define TERMINAL_STDOUT 2U /* always, where there is a terminal */
#define TERMINAL_STDERR 4U
#define TERMINAL_STREAMS 7U
#define TERMINAL_CONTROLS 19U  /* control characters that the kernel has */
#define TERMINAL_SIZE_BYTES 8U /* of WINSIZE's payload */
#define TERMINAL_BYTES 48U     /* of the attribute TERMINAL */

struct terminal {
	uint32_t streams; /* a bit for each; 0: no terminal */
	struct winsize size;
	struct termios modes; /* flags and control characters alone */
};

/** Write a window's size to out[TERMINAL_SIZE_BYTES]. */
void terminal_put_size(uint8_t *out, const struct winsize *size);

/** Read a window's size from TERMINAL_SIZE_BYTES at in. */
void terminal_get_size(const uint8_t *in, struct winsize *size);

/** Write the attribute's content to out[TERMINAL_BYTES]. */
void terminal_pack(uint8_t *out, const struct terminal *terminal);

/** Read the attribute's content. Returns 0, or -EPROTO where length or streams are not right. */
int terminal_unpack(const uint8_t *in, size_t length, struct terminal *terminal);

#endif
