/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "monitor/folder.h"

#define COPY "copy"
#define COPY_NEW "copy.new"

static int check_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0 ? 0 : -ENOEXEC;
}

/* What tells one state of the emulator from another. */
static int stamp_text(const char *program, const struct stat *st, char *text, size_t size)
{
	return str_print(text, size, "%s %ju %ju %jd %jd.%ld %jd.%ld\n", program, (uintmax_t)st->st_dev,
	                 (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
	                 st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* Whether the copy is there, whole and root's. */
static bool copy_holds(int folder, off_t size)
{
	struct stat st;

	return fstatat(folder, COPY, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       (st.st_mode & 07777) == 0711 && st.st_size == size;
}

static int copy_bytes(int in, int out, off_t size)
{
	off_t offset = 0;
	ssize_t n = 1;

	while (offset < size && n > 0)
		n = sendfile(out, in, &offset, (size_t)(size - offset));
	if (n < 0)
		return -errno;
	/* the stamp must not outlive the bytes when the node crashes */
	return offset == size && fchmod(out, 0711) == 0 && fsync(out) == 0 ? 0 : -EIO;
}

static int copy(int in, int folder, off_t size)
{
	int rc, out;

	/* what a killed process left */
	(void)unlinkat(folder, COPY_NEW, 0);
	out = openat(folder, COPY_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	rc = copy_bytes(in, out, size);
	close(out);
	if (rc == 0 && renameat(folder, COPY_NEW, folder, COPY) < 0)
		rc = -errno;
	return rc;
}

static int renew(int in, int folder, const char *program)
{
	char stamp[FOLDER_STAMP_MAX] = "";
	struct stat st = {0};
	int rc = check_elf(in);

	/* of several jobs the first copies; the others wait for it here */
	if (rc == 0 && flock(folder, LOCK_EX) < 0)
		rc = -errno;
	if (rc == 0 && fstat(in, &st) < 0)
		rc = -errno;
	if (rc == 0)
		rc = stamp_text(program, &st, stamp, sizeof(stamp));
	if (rc < 0 || (folder_stamp_holds(folder, stamp) && copy_holds(folder, st.st_size)))
		return rc;
	rc = copy(in, folder, st.st_size);
	return rc < 0 ? rc : folder_stamp_write(folder, stamp);
}

int emulator_prepare(const struct machine *machine, const char *program, const char *name)
{
	char path[PATH_MAX];
	int in = -1, folder = -1;
	int rc = str_print(path, sizeof(path), "%s/%s", machine->cache_dir, name);

	if (rc == 0)
		rc = folder_make(path);
	if (rc < 0)
		return rc;
	in = open(program, O_RDONLY | O_CLOEXEC);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = in < 0 || folder < 0 ? -errno : renew(in, folder, program);
	if (folder >= 0)
		close(folder);
	if (in >= 0)
		close(in);
	return rc;
}

int emulator_cover(const struct machine *machine, const char *program, const char *name)
{
	const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
	char path[PATH_MAX];
	char *covered = NULL;
	int rc = str_print(path, sizeof(path), "%s/%s/" COPY, machine->cache_dir, name);

	if (rc < 0)
		return rc;
	/* a mount covers what a symlink leads to */
	covered = realpath(program, NULL);
	if (!covered || mount(path, covered, NULL, MS_BIND, NULL) < 0 || mount(NULL, covered, NULL, flags, NULL) < 0)
		rc = -errno;
	free(covered);
	return rc;
}
