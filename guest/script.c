/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/write.h"

#define NAME "/slurm_script"

static int write_script(const char *path, const uint8_t *bytes, size_t length, uid_t uid, gid_t gid)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500), rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, bytes, length);
	if (rc == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, 0500) < 0))
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int store_in(const char *folder, const uint8_t *bytes, size_t length, uid_t uid, gid_t gid,
                    char path[SCRIPT_PATH_MAX])
{
	struct statvfs fs;
	int rc;

	/* From a file system without execution it would be of no use. */
	if (statvfs(folder, &fs) < 0)
		return -errno;
	if (fs.f_flag & ST_NOEXEC)
		return -EACCES;
	snprintf(path, SCRIPT_PATH_MAX, "%s/wnodes-XXXXXX", folder);
	if (!mkdtemp(path))
		return -errno;
	if (chmod(path, 0711) < 0) {
		rc = -errno;
		rmdir(path);
		return rc;
	}
	snprintf(path + strlen(path), SCRIPT_PATH_MAX - strlen(path), "%s", NAME);
	rc = write_script(path, bytes, length, uid, gid);
	if (rc < 0)
		script_remove(path);
	return rc;
}

int script_store(const uint8_t *bytes, size_t length, uid_t uid, gid_t gid, char path[SCRIPT_PATH_MAX])
{
	static const char *const folders[] = {"/var/tmp", "/tmp", "/run"};
	int rc = -ENOENT;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		rc = store_in(folders[i], bytes, length, uid, gid, path);
		if (rc == 0)
			break;
	}
	return rc;
}

void script_remove(const char *path)
{
	char folder[SCRIPT_PATH_MAX];
	char *slash;

	unlink(path);
	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash) {
		*slash = 0;
		rmdir(folder);
	}
}
