/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t rc;

	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text));
	close(fd);
	return rc < 0 ? -1 : 0;
}

/* oom_score_adj is there since 2.6.36. */
static void adjust(const char *score, const char *old)
{
	if (put("/proc/self/oom_score_adj", score) < 0)
		put("/proc/self/oom_adj", old);
}

void oom_protect(void)
{
	adjust("-1000", "-17");
}

void oom_expose(void)
{
	adjust("0", "0");
}

uint64_t oom_kills(void)
{
	static char text[16384]; /* a few hundred counters; this one is not among the last */
	size_t length = 0;
	ssize_t got;
	char *p;
	int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	/* One read gives a page at most. */
	while (length < sizeof(text) - 1 && (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(fd);
	text[length] = 0;
	p = strstr(text, "\noom_kill ");
	return p ? strtoull(p + 10, NULL, 10) : 0;
}
