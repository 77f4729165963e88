/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/fs.h"
#include "helper/harden.h"

#define CLOSE_ON_EXEC 4U /* CLOSE_RANGE_CLOEXEC */

static void child_limit(int resource, uint64_t max)
{
	struct rlimit limit = {max, max};

	if (max > 0 && setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		_exit(126);
}

/* Descriptors 0 to 2 and those named, and no other, get through the execve(2). */
static bool child_descriptors(const struct child *child)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(child->out < 0 ? null : child->out, STDOUT_FILENO) < 0 ||
	    dup2(child->err < 0 ? null : child->err, STDERR_FILENO) < 0)
		return false;
	/* before 5.11: the helper opens nothing without O_CLOEXEC */
	(void)syscall(SYS_close_range, 3U, ~0U, CLOSE_ON_EXEC);
	for (size_t i = 0; i < child->fd_count; i++)
		if (fcntl(child->fds[i], F_SETFD, 0) < 0)
			return false;
	return true;
}

/* Whether every capability is gone. */
static bool child_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0}, is[_LINUX_CAPABILITY_U32S_3];

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == 0 && syscall(SYS_capget, &header, is) == 0 &&
	       memcmp(is, none, sizeof(none)) == 0;
}

/* To be killed with the parent, which still lives. */
static bool child_bind(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static bool child_set_groups(const struct child *child)
{
	return child->groups ? setgroups(child->group_count, child->groups) == 0 : setgroups(1, &child->gid) == 0;
}

static bool child_become(const struct child *child, pid_t parent)
{
	uid_t uids[3];
	gid_t gids[3];

	if (child->uid == 0 || !child_set_groups(child) || setresgid(child->gid, child->gid, child->gid) < 0 ||
	    setresuid(child->uid, child->uid, child->uid) < 0 || !child_drop_capabilities() ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	/* a change of ids clears it */
	if (!child_bind(parent))
		return false;
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0 || getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (uids[i] != child->uid || gids[i] != child->gid)
			return false;
	return true;
}

/*
 * A copy of the program that nobody may read: of who executes one, the kernel
 * lets no other process see anything. Its descriptor, or a negative errno:
 * -ENOEXEC for a script, which its interpreter must read.
 */
static int child_hide(const struct child *child)
{
	int from = open(child->program, O_RDONLY | O_CLOEXEC);
	int to = from < 0 ? -1 : memfd_create("program", MFD_CLOEXEC);
	char magic[4] = "";
	struct stat st = {0};
	off_t offset = 0;
	ssize_t n = to < 0 || fstat(from, &st) < 0 || pread(from, magic, 4, 0) != 4 ? -1 : 1;

	/* a script is read by who executes it */
	if (n > 0 && memcmp(magic, "\177ELF", 4) != 0)
		return -ENOEXEC;
	while (n > 0 && offset < st.st_size)
		n = sendfile(to, from, &offset, (size_t)(st.st_size - offset));
	return n <= 0 || fchmod(to, 0711) < 0 ? (errno ? -errno : -EIO) : to;
}

static _Noreturn void child_exec(const struct child *child, pid_t parent)
{
	char *const envp[] = {NULL};
	int copy = child->hidden ? child_hide(child) : -1;

	if (!child_descriptors(child))
		_exit(126);
	child_limit(RLIMIT_FSIZE, child->file_max);
	child_limit(RLIMIT_AS, child->memory_max);
	if (child->is_roots ? !child_bind(parent) : !child_become(child, parent)) {
		dprintf(STDERR_FILENO, "cannot become the user %u", child->uid);
		_exit(126);
	}
	harden_reset_signals();
	if (!child->program) {
		/* whatever fs.suid_dumpable is: it has what root opened */
		(void)prctl(PR_SET_DUMPABLE, 0);
		_exit(child->work(child->context));
	}
	errno = copy < 0 ? -copy : 0;
	if (copy >= 0)
		(void)execveat(copy, "", child->argv, envp, AT_EMPTY_PATH);
	else if (!child->hidden || copy == -ENOEXEC)
		(void)execve(child->program, child->argv, envp);
	dprintf(STDERR_FILENO, "cannot execute %s: %s", child->program, strerror(errno));
	_exit(127);
}

pid_t child_start(const struct child *child)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		child_exec(child, parent);
	return pid < 0 ? -errno : pid;
}

int child_wait(pid_t pid, unsigned int ms)
{
	uint64_t deadline = clock_steady() + ms;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_steady() >= deadline) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		clock_nap(2);
	}
	return status;
}

/* Several lines are one of ours. */
static void child_one_line(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = 0;
	for (char *newline = text; (newline = strchr(newline, '\n'));)
		*newline = ' ';
}

int child_failed(const char *task, int status, char *said, struct failure *why)
{
	child_one_line(said);
	if (status < 0)
		return failure_set(why, EXIT_NODE, "%s: %s", task, strerror(-status));
	if (WIFSIGNALED(status))
		return failure_set(why, EXIT_NODE, "%s: killed by signal %d", task, WTERMSIG(status));
	if (!said[0])
		return failure_set(why, EXIT_NODE, "%s: exit code %d", task, WEXITSTATUS(status));
	return failure_set(why, EXIT_NODE, "%s: %s", task, said);
}

int child_run(const struct child *child, const char *task, unsigned int ms, struct failure *why)
{
	struct child heard = *child;
	char said[256];
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return failure_set(why, EXIT_NODE, "%s: pipe: %s", task, strerror(errno));
	heard.err = fds[1];
	pid = child_start(&heard);
	close(fds[1]);
	status = pid < 0 ? (int)pid : child_wait(pid, ms);
	n = read(fds[0], said, sizeof(said) - 1);
	close(fds[0]);
	said[n > 0 ? n : 0] = 0;
	return status == 0 ? 0 : child_failed(task, status, said, why);
}

/* What comes from fd before it ends or the deadline passes, into said[size]. */
static void child_hear(int fd, char *said, size_t size, uint64_t deadline)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t now;
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < size - 1 && (now = clock_steady()) < deadline &&
	       poll(&wait, 1, (int)(deadline - now)) > 0) {
		n = read(fd, said + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	said[used] = 0;
}

int child_ask(const struct child *child, bool errors, char *said, size_t size, uint64_t deadline)
{
	uint64_t now;
	struct child heard = *child;
	int fd = fs_open_file(child->program, NULL);
	int ends[2];
	pid_t pid;

	said[0] = 0;
	if (fd < 0)
		return fd;
	close(fd);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	heard.hidden = true;
	heard.out = ends[1];
	heard.err = errors ? ends[1] : -1;
	pid = child_start(&heard);
	close(ends[1]);
	if (pid > 0)
		child_hear(ends[0], said, size, deadline);
	close(ends[0]);
	now = clock_steady();
	return pid < 0 ? (int)pid : child_wait(pid, now < deadline ? (unsigned int)(deadline - now) : 0);
}
