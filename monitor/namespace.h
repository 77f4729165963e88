/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mount namespace in which libvirt and QEMU live. As root, libvirt makes,
 * chowns and deletes files in folders that the job's user reaches through
 * /proc/PID/root as soon as QEMU runs: so everything here is read-only to
 * root too, but a tmpfs that vanishes with its processes.
 */
#ifndef WNODES_MONITOR_NAMESPACE_H
#define WNODES_MONITOR_NAMESPACE_H

#include "common/paths.h"
#include "monitor/machine.h"

/* The tmpfs, over the folder of all jobs' sockets: it is short, exists, and hides them. */
#define NAMESPACE_ROOT WNODES_RUNDIR
#define NAMESPACE_DISK "disk/disk"
#define NAMESPACE_DEVICES "disk/devices" /* a folder that may have devices, where the disk is one: */
#define NAMESPACE_DEVICE "disk/devices/disk"
#define NAMESPACE_BASE "disk/base"
#define NAMESPACE_SEED "disk/seed"
#define NAMESPACE_KERNEL "disk/kernel"
#define NAMESPACE_INITRD "disk/initrd"
#define NAMESPACE_MOUNT "mount"            /* NAMESPACE_MOUNT/N: the host directory of the machine's mount N */
#define NAMESPACE_VIRTIOFS "virtiofs"      /* NAMESPACE_VIRTIOFS/N: where QEMU finds the virtiofsd of mount N */
#define NAMESPACE_PASST "passt"            /* NAMESPACE_PASST/N: where QEMU finds the passt of network N */
#define NAMESPACE_CHANNEL "socket/channel" /* socket/ is root's alone */
#define NAMESPACE_CONSOLE "socket/console"
#define NAMESPACE_CACHE "cache/qemu/capabilities" /* libvirt's choice */
#define NAMESPACE_WHY_MAX 512U

/**
 * Enter a new mount namespace, in which all is as on the host: what is
 * mounted there comes, nothing goes back. As namespace_enter().
 */
int namespace_unshare(char *why);

/**
 * Close the namespace of namespace_unshare(): every mount read-only, no cgroup file systems,
 * a /dev with harmless devices (and /dev/kvm, /dev/vfio and those of its NICs, where
 * the machine has them), an empty /run, and NAMESPACE_ROOT.
 * Returns 0, or a negative errno with the step in why[NAMESPACE_WHY_MAX].
 */
int namespace_enter(const struct machine *machine, char *why);

/** Make NAMESPACE_ROOT anew: an empty tmpfs with its folders, over what is there. As namespace_enter(). */
int namespace_root(char *why);

/**
 * Bind the machine's files into NAMESPACE_ROOT, all read-only but the
 * disk; base is what the disk's base is open on where it is its user's own,
 * and is closed. As namespace_enter().
 */
int namespace_files(const struct machine *machine, int base, char *why);

/**
 * Bind the regular file at source, whose last part is no symlink, to
 * NAMESPACE_ROOT/part, which is made; owner, where it is not -1, must own it.
 * As namespace_enter().
 */
int namespace_file(const char *source, const char *part, bool writable, uid_t owner, char *why);

/**
 * Bind the file or folder source, which must not be a symlink, to
 * NAMESPACE_ROOT/part. Returns 0 or a negative errno.
 */
int namespace_bind(const char *source, const char *part, bool writable);

/** Undo the \ooo escapes of mountinfo(5), in place. */
void namespace_unescape(char *text);

/** The mount(2) flags, but read-only, of a mount with mountinfo's options: a remount clears what it does not give. */
unsigned long namespace_mount_flags(const char *options);

/** NAMESPACE_ROOT/part into path[PATH_MAX]; returns path. */
const char *namespace_path(char *path, const char *part);

#endif
