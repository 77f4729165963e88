/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/shares.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "monitor/namespace.h"
#include "monitor/privilege.h"

#define FIND_MS 15000 /* for all directories; a file server that is gone may take for ever */
#define REAP_MS 100
#define MOUNTINFO_MAX (16U << 20)

/* A line of mountinfo(5). */
struct row {
	int id;
	char *point;
	char *options; /* of the mount, not of the file system */
	char type[64];
};

static void row_free(struct row *row)
{
	free(row->point);
	free(row->options);
}

/* Parse the line at text, up to its newline. Returns whether it is one; row_free() then. */
static bool row_parse(const char *text, struct row *row)
{
	const char *end = strchrnul(text, '\n');
	const char *dash = strstr(text, " - ");

	*row = (struct row){0};
	if (dash && dash < end && sscanf(text, "%d %*s %*s %*s %ms %ms", &row->id, &row->point, &row->options) == 3 &&
	    sscanf(dash, " - %63s", row->type) == 1) {
		namespace_unescape(row->point);
		return true;
	}
	row_free(row);
	return false;
}

/* The whole of /proc/self/mountinfo, from malloc; NULL and errno. */
static char *read_mountinfo(void)
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	if (!stream)
		return NULL;
	length = getdelim(&text, &size, 0, stream);
	(void)fclose(stream);
	if (length > 0 && length < (ssize_t)MOUNTINFO_MAX)
		return text;
	free(text);
	errno = EIO;
	return NULL;
}

/* The last row with that id (where it is not 0) or mount point: the one that a path leads to. */
static bool find_row(const char *mountinfo, int id, const char *point, struct row *found)
{
	struct row row;

	*found = (struct row){0};
	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (!row_parse(line, &row))
			continue;
		if (id ? row.id == id : strcmp(row.point, point) == 0) {
			row_free(found);
			*found = row;
		} else {
			row_free(&row);
		}
	}
	return found->point != NULL;
}

/* File systems whose files are the kernel's, not the user's: they act on the host's processes and devices. */
static bool is_kernels(const char *type)
{
	static const char *const types[] = {
	        "proc",    "sysfs",     "devtmpfs", "devpts",    "cgroup",      "cgroup2",    "mqueue",
	        "debugfs", "tracefs",   "bpf",      "pstore",    "securityfs",  "configfs",   "fusectl",
	        "nsfs",    "hugetlbfs", "efivarfs", "selinuxfs", "binfmt_misc", "rpc_pipefs", "nfsd",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static int mount_id(int fd)
{
	char path[64], line[128];
	FILE *stream;
	int id = 0;

	(void)str_print(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	stream = fopen(path, "re");
	while (stream && id == 0 && fgets(line, sizeof(line), stream))
		(void)sscanf(line, "mnt_id: %d", &id);
	if (stream)
		(void)fclose(stream);
	return id;
}

/* Where fd really lies, into path[PATH_MAX]. */
static int real_path(int fd, char *path)
{
	char link[64];
	ssize_t length;

	(void)str_print(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	path[length] = 0;
	return path[0] == '/' ? 0 : -ENOENT;
}

static bool is_in(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

/* Symlinks have been followed: what must not be given is told by what was found. */
static int check_found(struct shares *shares, int fd)
{
	char path[PATH_MAX];
	struct row row;
	bool kernels;
	int rc = real_path(fd, path);

	/* anew: an automounter may have mounted it when it was looked at */
	free(shares->mountinfo);
	shares->mountinfo = read_mountinfo();
	if (rc < 0 || !shares->mountinfo)
		return rc < 0 ? rc : -errno;
	if (strcmp(path, "/") == 0 || strcmp(path, "/dev") == 0 || strcmp(path, "/run") == 0 ||
	    is_in(path, WNODES_RUNDIR) || is_in(path, WNODES_STATEDIR))
		return -EXDEV;
	/* one of another mount namespace is nobody's to show but its maker's */
	if (!find_row(shares->mountinfo, mount_id(fd), NULL, &row))
		return -EXDEV;
	kernels = is_kernels(row.type);
	row_free(&row);
	return kernels ? -EXDEV : 0;
}

static int send_found(int socket, int fd, int rc)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {&rc, sizeof(rc)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *header = &control.align;

	if (fd >= 0) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The descriptor that the child sends next, or a negative errno; ms: until when to wait. */
static int receive_found(int socket, int ms)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	int rc = -EPROTO, fd = -1;
	struct iovec iov = {&rc, sizeof(rc)};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header;

	if (poll(&wait, 1, ms) <= 0)
		return -ETIMEDOUT;
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != (ssize_t)sizeof(rc))
		return -ECHILD;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	if (rc == 0)
		return fd >= 0 ? fd : -EPROTO;
	if (fd >= 0)
		close(fd);
	return rc < 0 ? rc : -EPROTO;
}

/* As the user: the directory's descriptor, where he may enter and list it, which is what QEMU does. */
static int find_one(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int listed;

	if (fd < 0)
		return -errno;
	listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (listed < 0) {
		listed = -errno;
		close(fd);
		return listed;
	}
	close(listed);
	return fd;
}

/* The child: the job's user for good, with the job's groups. Its words are trusted no more than the user's. */
static _Noreturn void find_process(const struct machine *machine, int socket, pid_t parent)
{
	if (privilege_become_user(machine, parent) < 0)
		_exit(1);
	for (unsigned int i = 0; i < machine->mounts.count; i++) {
		int fd = find_one(machine->mounts.entries[i].source);

		if (send_found(socket, fd, fd < 0 ? fd : 0) < 0)
			_exit(1);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

/* As the user: the disk's base, a regular file that he may read. */
static int find_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static _Noreturn void find_base_process(const struct machine *machine, int socket, pid_t parent)
{
	int fd = privilege_become_user(machine, parent) < 0 ? -EPERM : find_file(machine->disk_base);

	_exit(send_found(socket, fd, fd < 0 ? fd : 0) < 0);
}

static const char *problem_text(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no such directory on the node";
	case ENOTDIR:
		return "it is not a directory";
	case EACCES:
	case EPERM:
		return "the job's user may not enter or list it";
	case EXDEV:
		return "it is the kernel's, or the machine's own: name another directory";
	case ETIMEDOUT:
		return "the node's file system does not answer";
	default:
		return strerror(error);
	}
}

/* Whose fault it is; 75 for what may be another time, or elsewhere, better. */
static int blame(const struct mounts_entry *entry, int error, char *why)
{
	bool users = !(entry->flags & MOUNTS_SITE) &&
	             (error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM || error == ELOOP ||
	              error == EXDEV || error == ENAMETOOLONG);

	(void)str_print(why, SHARES_WHY_MAX, "%s: %.256s: %s",
	                entry->flags & MOUNTS_SITE ? "wnodes.conf, [mounts]" : "--vm-mount", entry->source,
	                problem_text(error));
	return users ? EXIT_USAGE : EXIT_NODE;
}

static bool may_be_left_out(const struct mounts_entry *entry, int error)
{
	return (entry->flags & MOUNTS_OPTIONAL) &&
	       (error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM);
}

static int ms_until(const struct timespec *end)
{
	struct timespec now;
	long long ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (end->tv_sec - now.tv_sec) * 1000LL + (end->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

/* What the child finds, one after the other; what is optional and not found leaves the list. */
static int take_all(struct shares *shares, struct mounts *mounts, int socket, char *why)
{
	unsigned int count = mounts->count;
	struct timespec end;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += FIND_MS / 1000;
	mounts->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct mounts_entry *entry = &mounts->entries[i];
		int fd = receive_found(socket, ms_until(&end));
		int rc = fd < 0 ? fd : check_found(shares, fd);

		if (rc == 0) {
			shares->fds[mounts->count] = fd;
			mounts->entries[mounts->count++] = *entry;
			continue;
		}
		if (fd >= 0)
			close(fd);
		if (!may_be_left_out(entry, -rc))
			return blame(entry, -rc, why);
	}
	return 0;
}

static void end_child(pid_t child)
{
	(void)kill(child, SIGKILL);
	/* a file system that hangs keeps it: then the reaper has it later */
	for (int i = 0; i < REAP_MS && waitpid(child, NULL, WNOHANG) == 0; i++)
		(void)usleep(1000);
}

int shares_find_base(struct shares *shares, const struct machine *machine, char *why)
{
	pid_t child, parent = getpid();
	int pair[2], rc;

	shares->base = -1;
	if (!machine->disk_base_own)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)str_print(why, SHARES_WHY_MAX, "the image's file: %s", strerror(errno));
		return EXIT_NODE;
	}
	child = fork();
	if (child == 0)
		find_base_process(machine, pair[1], parent);
	close(pair[1]);
	rc = child < 0 ? -EAGAIN : receive_found(pair[0], FIND_MS);
	close(pair[0]);
	if (child > 0)
		end_child(child);
	shares->base = rc < 0 ? -1 : rc;
	if (rc >= 0)
		rc = check_found(shares, rc);
	if (rc == 0)
		return 0;
	(void)str_print(why, SHARES_WHY_MAX, "--vm=%.256s: %s", machine->disk_base,
	                rc == -ETIMEDOUT ? problem_text(-rc)
	                : rc == -EXDEV   ? "it is the kernel's"
	                                 : strerror(-rc));
	return rc == -ETIMEDOUT || rc == -EAGAIN || rc == -ECHILD ? EXIT_NODE : EXIT_USAGE;
}

int shares_find(struct shares *shares, struct machine *machine, char *why)
{
	pid_t child, parent = getpid();
	int pair[2], code;

	if (machine->mounts.count == 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)str_print(why, SHARES_WHY_MAX, "the host's directories: %s", strerror(errno));
		return EXIT_NODE;
	}
	child = fork();
	if (child == 0)
		find_process(machine, pair[1], parent);
	close(pair[1]);
	code = child < 0 ? EXIT_NODE : take_all(shares, &machine->mounts, pair[0], why);
	if (child < 0)
		(void)str_print(why, SHARES_WHY_MAX, "the host's directories: fork failed");
	close(pair[0]);
	if (child > 0)
		end_child(child);
	return code;
}

static int fail(char *why, int error, const struct mounts_entry *entry)
{
	(void)str_print(why, SHARES_WHY_MAX, "%.256s cannot be bound: %s", entry->source, strerror(error));
	return -error;
}

/* It may have gone with the one above it. */
static int take_away(const char *point)
{
	return umount2(point, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT ? -errno : 0;
}

/* Give a mount of the bound tree the flags that it had; those that the host has not, or nobody shall see, go. */
static int settle_row(const struct shares *shares, const struct row *row, const char *was, int id, bool read_only)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV;
	struct row original;
	bool kernels;

	if (!find_row(shares->mountinfo, id, was, &original))
		return take_away(row->point);
	kernels = is_kernels(original.type) || strcmp(original.type, row->type) != 0;
	flags |= namespace_mount_flags(original.options);
	if (read_only || strncmp(original.options, "ro", 2) == 0)
		flags |= MS_RDONLY;
	row_free(&original);
	if (kernels)
		return take_away(row->point);
	if (mount(NULL, row->point, NULL, flags, NULL) == 0)
		return 0;
	/* below one that went, or under another: it stays as everything here is, read-only */
	return !id && (errno == EINVAL || errno == ENOENT) ? 0 : -errno;
}

/* All mounts at and below target, which fd has been bound to. */
static int settle(const struct shares *shares, int fd, const char *target, bool read_only)
{
	char source[PATH_MAX], was[2 * PATH_MAX];
	char *mountinfo = read_mountinfo();
	int rc = mountinfo ? real_path(fd, source) : -errno;

	for (const char *line = mountinfo; rc == 0 && line && *line; line = strchr(line, '\n'), line += line != NULL) {
		struct row row;
		bool top;

		if (!row_parse(line, &row))
			continue;
		top = strcmp(row.point, target) == 0;
		if (is_in(row.point, target)) {
			(void)str_print(was, sizeof(was), "%s%s", source, row.point + strlen(target));
			rc = settle_row(shares, &row, was, top ? mount_id(fd) : 0, read_only);
		}
		row_free(&row);
	}
	free(mountinfo);
	return rc;
}

static int bind_one(const struct shares *shares, unsigned int number, bool read_only)
{
	char part[32], from[64], to[PATH_MAX];
	int rc;

	(void)str_print(part, sizeof(part), NAMESPACE_MOUNT "/%u", number);
	(void)str_print(from, sizeof(from), "/proc/self/fd/%d", shares->fds[number]);
	(void)namespace_path(to, part);
	if (mkdir(to, 0700) < 0 || mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	/* what the host mounts below it later would come as it is, writable */
	if (read_only && mount(NULL, to, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	rc = settle(shares, shares->fds[number], to, read_only);
	close(shares->fds[number]);
	return rc;
}

int shares_bind(struct shares *shares, const struct mounts *mounts, char *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < mounts->count; i++) {
		rc = bind_one(shares, i, mounts->entries[i].flags & MOUNTS_READ_ONLY);
		if (rc < 0)
			(void)fail(why, -rc, &mounts->entries[i]);
	}
	free(shares->mountinfo);
	shares->mountinfo = NULL;
	return rc;
}
