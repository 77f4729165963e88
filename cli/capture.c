/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (16U << 20)

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void child(const char *const *argv, int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(null, 2) == 2)
		(void)execv(argv[0], (char *const *)(const void *)argv);
	_exit(127);
}

/* All that fd gives until its end; NULL where that does not come in time, or is too much. */
static char *read_all(int fd, int64_t end)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	size_t used = 0, size = 65536;
	char *text = malloc(size), *more;

	while (text) {
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0)
			break;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		n = read(fd, text + used, size - used - 1);
		if (n == 0) {
			text[used] = 0;
			return text;
		}
		used += n > 0 ? (size_t)n : 0;
		if (size - used > 1)
			continue;
		more = size < OUTPUT_MAX ? realloc(text, size *= 2) : NULL;
		if (!more)
			break;
		text = more;
	}
	free(text);
	return NULL;
}

int capture(const char *const *argv, unsigned int seconds, char **text)
{
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	int ends[2], status = -1;
	pid_t pid;

	*text = NULL;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child(argv, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		*text = read_all(ends[0], end);
		if (!*text)
			(void)kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}
