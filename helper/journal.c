/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "helper/fs.h"

#define JOURNAL "journal"
#define JOURNAL_MAX (256U << 10)

/* The length of text up to and with its last newline. */
static size_t journal_whole(const char *text, size_t length)
{
	const char *end = memrchr(text, '\n', length);

	return end ? (size_t)(end - text) + 1 : 0;
}

/* The journal's whole lines in memory from malloc, *length bytes; NULL with *rc where there is none. */
static char *journal_read(int dirfd, size_t *length, int *rc)
{
	char *text = malloc(JOURNAL_MAX);
	ssize_t n = text ? fs_read(dirfd, JOURNAL, text, JOURNAL_MAX) : -ENOMEM;

	*rc = n < 0 ? (int)n : 0;
	if (n < 0) {
		free(text);
		return NULL;
	}
	*length = journal_whole(text, (size_t)n);
	text[*length] = 0;
	return text;
}

static int journal_write(int dirfd, size_t whole, const char *line)
{
	int fd = openat(dirfd, JOURNAL, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t length = strlen(line);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)whole) < 0 || pwrite(fd, line, length, (off_t)whole) != (ssize_t)length ||
	    fsync(fd) < 0)
		rc = errno ? -errno : -EIO;
	if (rc == 0 && whole == 0 && fsync(dirfd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int journal_append(int dirfd, const char *kind, const char *argument)
{
	char line[PATH_MAX + 128];
	size_t whole = 0;
	int rc;
	char *text;

	if (strchr(argument, '\n') || str_print(line, sizeof(line), "%s %s\n", kind, argument) < 0)
		return -EINVAL;
	text = journal_read(dirfd, &whole, &rc);
	free(text);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	errno = 0;
	return journal_write(dirfd, whole, line);
}

int journal_replay(int dirfd, journal_undo *undo, void *context)
{
	size_t length = 0;
	int first = 0;
	int rc;
	char *text = journal_read(dirfd, &length, &rc);

	if (!text)
		return rc == -ENOENT ? 0 : rc;
	while (length > 0) {
		char *line, *space;

		text[--length] = 0;
		length = journal_whole(text, length);
		line = text + length;
		space = strchr(line, ' ');
		if (space)
			*space = 0;
		rc = space ? undo(context, line, space + 1) : -EINVAL;
		if (rc < 0 && first == 0)
			first = rc;
	}
	free(text);
	return first;
}
