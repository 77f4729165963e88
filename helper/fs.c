/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/fs.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"

const char *fs_error(int rc)
{
	return rc == -EPERM ? "it and its folders must be root's and writable by root alone" : strerror(-rc);
}

/* A sticky folder (/tmp) is trusted too: nobody else can rename root's entries in it. */
static bool fs_is_trusted(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_uid != 0)
		return false;
	if (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX))
		return true;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Open one part of a path below parent, which is closed; the result is checked. */
static int fs_step(int parent, const char *part, int flags)
{
	int fd = openat(parent, part, flags | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : fd;

	close(parent);
	if (fd >= 0 && !fs_is_trusted(fd)) {
		close(fd);
		rc = -EPERM;
	}
	return rc;
}

/* Walk a path without symlinks; its last part is opened with flags. */
static int fs_walk(const char *path, int flags)
{
	char copy[PATH_MAX];
	char *save = NULL;
	char *part;
	int fd;
	int rc = str_print(copy, sizeof(copy), "%s", path);

	if (rc < 0)
		return rc;
	part = strtok_r(copy, "/", &save);
	fd = open("/", (part ? O_PATH | O_DIRECTORY : flags) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fs_is_trusted(fd)) {
		close(fd);
		return -EPERM;
	}
	while (part && fd >= 0) {
		char *next = strtok_r(NULL, "/", &save);

		fd = fs_step(fd, part, next ? O_PATH | O_DIRECTORY : flags);
		part = next;
	}
	return fd;
}

/* What lies at path may be reached through the administrator's symlinks: resolve them, then trust the result. */
static int fs_open(const char *path, int flags, char *resolved)
{
	char real[PATH_MAX];

	if (!str_is_path(path))
		return -EINVAL;
	if (!realpath(path, real))
		return -errno;
	if (resolved)
		memcpy(resolved, real, strlen(real) + 1);
	return fs_walk(real, flags);
}

const char *fs_split(const char *path, char *folder)
{
	const char *name = strrchr(path, '/');

	if (!str_is_path(path) || !name || !name[1] || name == path)
		return NULL;
	memcpy(folder, path, (size_t)(name - path));
	folder[name - path] = 0;
	return name + 1;
}

int fs_open_folder(const char *path, mode_t create)
{
	char folder[PATH_MAX];
	const char *name;
	int parent, fd;

	fd = fs_open(path, O_RDONLY | O_DIRECTORY, NULL);
	if (fd != -ENOENT || create == 0)
		return fd;
	name = fs_split(path, folder);
	if (!name)
		return -EINVAL;
	parent = fs_open(folder, O_RDONLY | O_DIRECTORY, NULL);
	if (parent < 0)
		return parent;
	fd = fs_open_child(parent, name, true, create);
	close(parent);
	return fd;
}

int fs_open_file(const char *path, char *resolved)
{
	struct stat st;
	int fd = fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, resolved);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int fs_open_child(int dirfd, const char *name, bool create, mode_t mode)
{
	bool made = create && mkdirat(dirfd, name, mode) == 0;
	int rc = 0;
	int fd;

	if (create && !made && errno != EEXIST)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* the mode is not the umask's business; an existing folder keeps its own (an ACL shows in it) */
	if (made && fchmod(fd, mode) < 0)
		rc = -errno;
	/* a cgroup's folder cannot be synced, and need not */
	if (made && fsync(dirfd) < 0 && errno != EINVAL)
		rc = -errno;
	if (rc == 0 && !fs_is_trusted(fd))
		rc = -EPERM;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int fs_remove_folder(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *entry;
	DIR *folder;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	folder = fdopendir(fd);
	if (!folder) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(fd, entry->d_name, 0);
	closedir(folder);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int fs_allow_reader(int fd, uid_t uid)
{
	/* linux/posix_acl_xattr.h: version 2, then entries sorted by tag */
	struct entry {
		uint16_t tag, rights;
		uint32_t id;
	};
	struct {
		uint32_t version;
		struct entry entries[5];
	} acl = {
	        .version = htole32(2),
	        .entries = {{htole16(0x01), htole16(7), UINT32_MAX},   /* owner */
	                    {htole16(0x02), htole16(5), htole32(uid)}, /* this user: read, enter */
	                    {htole16(0x04), 0, UINT32_MAX},            /* owner's group */
	                    {htole16(0x10), htole16(5), UINT32_MAX},   /* mask */
	                    {htole16(0x20), 0, UINT32_MAX}},           /* others */
	};

	_Static_assert(sizeof(acl) == 44, "the ACL's layout");
	return fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) < 0 ? -errno : 0;
}

ssize_t fs_read(int dirfd, const char *name, char *buffer, size_t size)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && used < size) {
		n = read(fd, buffer + used, size - used);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	if (used == size)
		return -E2BIG;
	buffer[used] = 0;
	return (ssize_t)used;
}

int fs_write(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? (int)n : 0;
}

int fs_open_lock(const char *folder, const char *name, unsigned int ms)
{
	int dirfd = fs_open_folder(folder, 0);
	int fd, rc;

	if (dirfd < 0)
		return dirfd;
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : fs_lock(fd, ms);
	close(dirfd);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int fs_lock(int fd, unsigned int ms)
{
	uint64_t deadline = clock_steady() + ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (clock_steady() >= deadline)
			return -EBUSY;
		clock_nap(10);
	}
	return 0;
}
