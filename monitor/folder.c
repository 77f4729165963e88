/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "common/write.h"

int folder_make(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = path; slash; slash = strchr(slash, '/')) {
		slash++;
		(void)str_print(part, sizeof(part), "%.*s", (int)(slash - path) + (int)strcspn(slash, "/"), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

bool folder_stamp_holds(int folder, const char *text)
{
	char present[FOLDER_STAMP_MAX];
	int fd = openat(folder, FOLDER_STAMP, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, present, sizeof(present));
	close(fd);
	return length == (ssize_t)strlen(text) && memcmp(present, text, strlen(text)) == 0;
}

int folder_stamp_write(int folder, const char *text)
{
	int rc;
	int fd = openat(folder, FOLDER_STAMP ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, strlen(text));
	close(fd);
	if (rc == 0 && renameat(folder, FOLDER_STAMP ".new", folder, FOLDER_STAMP) < 0)
		rc = -errno;
	return rc;
}
