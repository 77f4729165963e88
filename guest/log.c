/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

#define LINES_MAX 50U
#define PERIOD_MS 10000U

static struct {
	int kernel; /* of /dev/kmsg, or -1 */
	uint64_t since;
	unsigned int lines, dropped;
} state = {.kernel = -1};

void agent_log_open(bool to_kernel)
{
	state.kernel = -1;
	if (to_kernel)
		state.kernel = open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void agent_log_reopen(void)
{
	agent_log_open(state.kernel >= 0);
}

uint64_t agent_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

/* Standard error may be a pipe that nobody reads: look before writing. */
static void put(const char *line, size_t length)
{
	struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t rc;

	if (state.kernel >= 0) {
		rc = write(state.kernel, line, length);
		if (rc >= 0)
			return;
	}
	line += 3; /* the level is for the kernel alone */
	length -= 3;
	if (poll(&err, 1, 0) == 1 && (err.revents & POLLOUT))
		rc = write(STDERR_FILENO, line, length);
	(void)rc;
}

void agent_log(const char *format, ...)
{
	char line[560] = "<6>wnodes-agent: ";
	size_t prefix = strlen(line), length;
	uint64_t now = agent_now();
	int saved = errno;
	va_list arguments;

	if (now - state.since >= PERIOD_MS) {
		unsigned int dropped = state.dropped;

		state.since = now;
		state.lines = 0;
		state.dropped = 0;
		if (dropped)
			agent_log("%u more messages were dropped", dropped);
	}
	if (state.lines++ >= LINES_MAX) {
		state.dropped++;
		return;
	}
	va_start(arguments, format);
	vsnprintf(line + prefix, 512, format, arguments);
	va_end(arguments);
	str_printable(line);
	length = strlen(line);
	line[length] = '\n';
	put(line, length + 1);
	errno = saved;
}
