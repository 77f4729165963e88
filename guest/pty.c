/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TERMINAL_MODE 0620 /* others may not read it, nor write to it but by the group tty */

/* Flags that are this kernel's affair: EXTPROC would have somebody else edit the lines. */
static void set_modes(int fd, const struct termios *wanted)
{
	struct termios modes;

	if (tcgetattr(fd, &modes) < 0)
		return;
	modes.c_iflag = wanted->c_iflag;
	modes.c_oflag = wanted->c_oflag;
	modes.c_cflag = wanted->c_cflag;
	modes.c_lflag = wanted->c_lflag & ~(tcflag_t)EXTPROC;
	memcpy(modes.c_cc, wanted->c_cc, TERMINAL_CONTROLS);
	(void)tcsetattr(fd, TCSANOW, &modes);
}

static int open_slave(int master)
{
	char path[32];
	int fd, rc;

	if (unlockpt(master) < 0)
		return -errno;
	rc = ptsname_r(master, path, sizeof(path));
	if (rc != 0)
		return -rc;
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pty_open(struct pty *pty, const struct terminal *terminal, uid_t uid)
{
	int rc = 0;

	pty->slave = -1;
	pty->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (pty->master < 0)
		return -errno;
	pty->slave = open_slave(pty->master);
	if (pty->slave < 0)
		rc = pty->slave;
	else if (fchown(pty->slave, uid, (gid_t)-1) < 0 || fchmod(pty->slave, TERMINAL_MODE) < 0)
		rc = -errno;
	if (rc < 0) {
		close(pty->master);
		if (pty->slave >= 0)
			close(pty->slave);
		*pty = (struct pty){.master = -1, .slave = -1};
		return rc;
	}
	set_modes(pty->slave, &terminal->modes);
	(void)ioctl(pty->slave, TIOCSWINSZ, &terminal->size);
	return 0;
}
