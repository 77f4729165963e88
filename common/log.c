/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "common/str.h"

#define LOG_WAIT_MS 1000 /* for a reader of standard error that is slow */

static const char *log_program = "wnodes";
static bool log_to_syslog;

void log_open(const char *program, bool with_syslog)
{
	log_program = program;
	log_to_syslog = with_syslog;
	if (with_syslog)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

/*
 * Not O_NONBLOCK, which everybody who shares the description would get. poll
 * says that a pipe is writable where PIPE_BUF fits, but another writer may fill
 * it before us: where the kernel knows how, this one write does not wait either.
 */
static ssize_t log_write_once(const char *text, size_t length)
{
	struct iovec part = {.iov_base = (char *)text, .iov_len = length < PIPE_BUF ? length : PIPE_BUF};
	struct stat st = {0};
	ssize_t n;

	(void)fstat(STDERR_FILENO, &st);
	if (S_ISSOCK(st.st_mode))
		return send(STDERR_FILENO, text, part.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (S_ISFIFO(st.st_mode)) {
		n = pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT);
		if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
			return n;
	}
	return write(STDERR_FILENO, text, part.iov_len);
}

bool log_write(const char *text, int ms)
{
	struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready = poll(&wait, 1, ms);

	if (ready < 0 && errno == EINTR)
		ready = poll(&wait, 1, 0);
	return ready > 0 && log_write_once(text, strlen(text)) >= 0;
}

/* One write(2), so that lines of several processes do not mix. */
static void log_line(int priority, const char *format, va_list arguments)
{
	static bool stuck;
	char text[1024];
	char line[1200];
	int length;

	(void)vsnprintf(text, sizeof(text), format, arguments);
	str_printable(text);
	length = snprintf(line, sizeof(line), "%s: %s\n", log_program, text);
	/* who did not read the last line is not waited for again */
	if (length > 0)
		stuck = !log_write(line, stuck ? 0 : LOG_WAIT_MS);
	if (log_to_syslog)
		syslog(priority, "%s", text);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(LOG_ERR, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(LOG_INFO, format, arguments);
	va_end(arguments);
}
