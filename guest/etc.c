/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"
#include "guest/log.h"

#define FILE_MAX (16U << 20)
#define LABEL "security.selinux"

int etc_read(const char *path, char **text)
{
	struct stat st = {0};
	size_t done = 0, size;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX)) {
		close(fd);
		return -EFBIG;
	}
	size = (size_t)st.st_size;
	*text = malloc(size + 1);
	while (fd >= 0 && *text && done < size && (got = read(fd, *text + done, size - done)) > 0)
		done += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (!*text)
		return -ENOMEM;
	(*text)[done] = 0;
	if (got < 0 || strlen(*text) != done) {
		free(*text);
		return -EIO;
	}
	return 0;
}

/* Give the new file what the old one has: mode, owner, and SELinux's label. */
static int copy_attributes(const char *path, int fd)
{
	struct stat st;
	char label[256];
	ssize_t length;

	if (stat(path, &st) < 0)
		return fchmod(fd, 0644) < 0 ? -errno : 0;
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	length = getxattr(path, LABEL, label, sizeof(label));
	if (length > 0 && fsetxattr(fd, LABEL, label, (size_t)length, 0) < 0)
		agent_log("%s: its label cannot be kept: %s", path, strerror(errno));
	return 0;
}

int etc_write(const char *path, const char *text)
{
	char temporary[PATH_MAX];
	int fd, rc;

	rc = str_print(temporary, sizeof(temporary), "%s.wnodes", path);
	if (rc < 0)
		return rc;
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = copy_attributes(path, fd);
	if (rc == 0)
		rc = write_all(fd, text, strlen(text));
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(temporary);
	return rc;
}

int etc_overwrite(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, strlen(text));
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}
