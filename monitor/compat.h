/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls that older C libraries have no wrapper for; all return -1 and errno, ENOSYS on older kernels. */
#ifndef WNODES_MONITOR_COMPAT_H
#define WNODES_MONITOR_COMPAT_H

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define COMPAT_AT_RECURSIVE 0x8000U
#define COMPAT_MOUNT_ATTR_RDONLY 1U

/* linux/mount.h's struct mount_attr, which cannot be included together with sys/mount.h everywhere */
struct compat_mount_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

static inline long compat_mount_setattr(int dirfd, const char *path, unsigned int flags, struct compat_mount_attr *attr)
{
	return syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

static inline int compat_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0U);
}

static inline long compat_pidfd_send_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0U);
}

/* Close every descriptor from first on. */
static inline void compat_close_from(int first)
{
	if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0U) == 0)
		return;
	for (long fd = first, end = sysconf(_SC_OPEN_MAX); fd < end; fd++)
		close((int)fd);
}

#endif
