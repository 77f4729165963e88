/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal of the host's srun --pty: what the guest's caller has is another one, and edits no lines. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "run/command.h"

static int open_slave(int master)
{
	char path[64];
	int fd;

	if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, path, sizeof(path)) != 0)
		return -ENXIO;
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int command_pty_open(const struct terminal *terminal, int input[2], int output[2])
{
	struct termios modes;

	output[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (output[0] < 0)
		return -errno;
	output[1] = open_slave(output[0]);
	if (output[1] < 0)
		return output[1];
	input[1] = fcntl(output[0], F_DUPFD_CLOEXEC, 3);
	input[0] = fcntl(output[1], F_DUPFD_CLOEXEC, 3);
	if (input[0] < 0 || input[1] < 0 || tcgetattr(output[1], &modes) < 0)
		return -errno;
	/* as srun itself will have it: until then nothing is to be echoed, nor to be a signal */
	cfmakeraw(&modes);
	if (tcsetattr(output[1], TCSANOW, &modes) < 0 || ioctl(output[1], TIOCSWINSZ, &terminal->size) < 0)
		return -errno;
	return 0;
}

void command_pty_resize(int master, const uint8_t payload[TERMINAL_SIZE_BYTES])
{
	struct winsize size;

	terminal_get_size(payload, &size);
	(void)ioctl(master, TIOCSWINSZ, &size);
}
