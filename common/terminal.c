/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/terminal.h"

#include <errno.h>
#include <string.h>

#include "common/wire.h"

static void put_u16(uint8_t *out, unsigned short value)
{
	out[0] = (uint8_t)value;
	out[1] = (uint8_t)(value >> 8);
}

static unsigned short get_u16(const uint8_t *in)
{
	return (unsigned short)(in[0] | in[1] << 8);
}

void terminal_put_size(uint8_t *out, const struct winsize *size)
{
	put_u16(out, size->ws_row);
	put_u16(out + 2, size->ws_col);
	put_u16(out + 4, size->ws_xpixel);
	put_u16(out + 6, size->ws_ypixel);
}

void terminal_get_size(const uint8_t *in, struct winsize *size)
{
	size->ws_row = get_u16(in);
	size->ws_col = get_u16(in + 2);
	size->ws_xpixel = get_u16(in + 4);
	size->ws_ypixel = get_u16(in + 6);
}

void terminal_pack(uint8_t *out, const struct terminal *terminal)
{
	const struct termios *modes = &terminal->modes;

	wire_put_u32(out, terminal->streams);
	terminal_put_size(out + 4, &terminal->size);
	wire_put_u32(out + 12, modes->c_iflag);
	wire_put_u32(out + 16, modes->c_oflag);
	wire_put_u32(out + 20, modes->c_cflag);
	wire_put_u32(out + 24, modes->c_lflag);
	memcpy(out + 28, modes->c_cc, TERMINAL_CONTROLS);
	out[28 + TERMINAL_CONTROLS] = 0;
}

int terminal_unpack(const uint8_t *in, size_t length, struct terminal *terminal)
{
	struct termios *modes = &terminal->modes;

	*terminal = (struct terminal){0};
	if (length != TERMINAL_BYTES || (wire_u32(in) & ~TERMINAL_STREAMS) != 0 || !(wire_u32(in) & TERMINAL_STDOUT))
		return -EPROTO;
	terminal->streams = wire_u32(in);
	terminal_get_size(in + 4, &terminal->size);
	modes->c_iflag = wire_u32(in + 12);
	modes->c_oflag = wire_u32(in + 16);
	modes->c_cflag = wire_u32(in + 20);
	modes->c_lflag = wire_u32(in + 24);
	memcpy(modes->c_cc, in + 28, TERMINAL_CONTROLS);
	return 0;
}
