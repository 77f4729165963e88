/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and folders that root trusts. A path is trusted when each of its
 * folders is root's and nobody else can replace what lies in it; then what
 * was checked is what is used. Everything returns 0, a descriptor
 * (close-on-exec) or a negative errno; -EPERM says "not trusted".
 */
#ifndef WNODES_HELPER_FS_H
#define WNODES_HELPER_FS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/** What people read of one of these errors: -EPERM by what is to be done, others by strerror(3). Static. */
const char *fs_error(int rc);

/** Open a trusted folder by its absolute path; where create is not 0, a missing last part is made with that mode. */
int fs_open_folder(const char *path, mode_t create);

/**
 * Open a trusted regular file to read by its absolute path: root's, not
 * writable by group or others. -EINVAL where it is no regular file, or path
 * is not absolute. resolved[PATH_MAX], where not NULL, receives
 * its path without symlinks.
 */
int fs_open_file(const char *path, char *resolved);

/** Open the folder name in dirfd, which must be root's; with create it is made with this mode where missing. */
int fs_open_child(int dirfd, const char *name, bool create, mode_t mode);

/** Remove the flat folder name in dirfd with the files in it; a missing one is no error. */
int fs_remove_folder(int dirfd, const char *name);

/** Split an absolute path: folder[PATH_MAX] receives all before the last part; returns the last part or NULL. */
const char *fs_split(const char *path, char *folder);

/** Let this user, and nobody else but root, enter and list the folder fd (a POSIX ACL). -EOPNOTSUPP where it has none.
 */
int fs_allow_reader(int fd, uid_t uid);

/** Read a small file into buffer[size] as a string; returns its length, -E2BIG where it does not fit. */
ssize_t fs_read(int dirfd, const char *name, char *buffer, size_t size);

/** Write text to an existing file (of /proc or a cgroup) in one write(2). */
int fs_write(int dirfd, const char *name, const char *text);

/** The file name of folder, made where it is not there, locked as fs_lock() does; closing it gives the lock back. */
int fs_open_lock(const char *folder, const char *name, unsigned int ms);

/** Take flock(2) exclusively on fd, waiting at most ms milliseconds; -EBUSY where somebody keeps it. */
int fs_lock(int fd, unsigned int ms);

#endif
