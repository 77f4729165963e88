/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal that Slurm has given the task (--pty, -u). The guest has
 * another, which begins as this one was; from then on this one passes bytes,
 * so that what a key means is decided once, in the guest.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_terminal(int fd, const struct stat *terminal)
{
	struct stat st;

	return isatty(fd) && fstat(fd, &st) == 0 && st.st_rdev == terminal->st_rdev;
}

void run_terminal_open(struct run *run)
{
	struct run_terminal *terminal = &run->terminal;
	struct stat st;

	if (run->was_closed[STDOUT_FILENO] || fstat(STDOUT_FILENO, &st) < 0 ||
	    tcgetattr(STDOUT_FILENO, &terminal->found.modes) < 0)
		return;
	terminal->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (terminal->fd < 0)
		return;
	(void)ioctl(terminal->fd, TIOCGWINSZ, &terminal->found.size);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (same_terminal(fd, &st))
			terminal->found.streams |= 1U << fd;
}

/* As a process that is not in the terminal's foreground, too: SIGTTOU would stop it. */
static void set_modes(int fd, const struct termios *modes)
{
	sigset_t ttou, before;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &before);
	while (tcsetattr(fd, TCSANOW, modes) < 0 && errno == EINTR)
		;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void run_terminal_raw(struct run *run)
{
	struct run_terminal *terminal = &run->terminal;
	struct termios raw = terminal->found.modes;

	if (terminal->fd < 0)
		return;
	cfmakeraw(&raw);
	set_modes(terminal->fd, &raw);
	terminal->raw = true;
}

bool run_terminal_resize(struct run *run)
{
	struct run_terminal *terminal = &run->terminal;
	uint8_t now[TERMINAL_SIZE_BYTES], told[TERMINAL_SIZE_BYTES];
	struct winsize size;

	if (terminal->fd < 0 || run->phase != RUN_RUNNING || run->ended || !run->channel.start ||
	    ioctl(terminal->fd, TIOCGWINSZ, &size) < 0)
		return false;
	terminal_put_size(now, &size);
	terminal_put_size(told, &terminal->found.size);
	if (memcmp(now, told, sizeof(now)) == 0)
		return false;
	terminal->found.size = size;
	run_client_send(run, WIRE_WINSIZE, 0, now, sizeof(now));
	return true;
}

const char *run_terminal_newline(const struct run *run)
{
	const struct terminal *found = &run->terminal.found;
	bool was_added = (found->modes.c_oflag & OPOST) && (found->modes.c_oflag & ONLCR);

	return run->terminal.raw && (found->streams & TERMINAL_STDERR) && was_added ? "\r\n" : "\n";
}

void run_terminal_restore(struct run *run)
{
	struct run_terminal *terminal = &run->terminal;

	if (terminal->raw)
		set_modes(terminal->fd, &terminal->found.modes);
	terminal->raw = false;
}
