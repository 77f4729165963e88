/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "helper/clock.h"
#include "helper/harden.h"

#define SETUP_FAILED 126
#define NOT_EXECUTED 127

static _Noreturn void child_become(const struct child *child, int fd, pid_t parent)
{
	if (dup2(fd, STDERR_FILENO) < 0 || child->uid == 0 || setgroups(1, &child->gid) < 0 ||
	    setresgid(child->gid, child->gid, child->gid) < 0 || setresuid(child->uid, child->uid, child->uid) < 0 ||
	    setuid(0) == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent)
		_exit(SETUP_FAILED);
	harden_reset_signals();
	_exit(child->work(child->context));
}

/* Wait for the child, ms at most; its wait status, or -ETIMEDOUT. */
static int child_wait(pid_t pid, unsigned int ms)
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

/* Several lines of a program's are one of ours. */
static void child_one_line(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = 0;
	for (char *newline = text; (newline = strchr(newline, '\n'));)
		*newline = ' ';
}

static int child_failed(const struct child *child, int status, char *said, struct failure *why)
{
	if (status == -ETIMEDOUT)
		return failure_set(why, EXIT_NODE, "%s: it has not ended within %u s", child->task, child->ms / 1000);
	if (status < 0)
		return failure_set(why, EXIT_NODE, "%s: fork: %s", child->task, strerror(-status));
	if (WIFSIGNALED(status))
		return failure_set(why, EXIT_NODE, "%s: killed by signal %d", child->task, WTERMSIG(status));
	child_one_line(said);
	if (said[0])
		return failure_set(why, EXIT_NODE, "%s: %s", child->task, said);
	return failure_set(why, EXIT_NODE, "%s: exit code %d", child->task, WEXITSTATUS(status));
}

int child_run(const struct child *child, struct failure *why)
{
	char said[256] = "";
	int fds[2], status;
	pid_t pid, parent = getpid();
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return failure_set(why, EXIT_NODE, "%s: pipe: %s", child->task, strerror(errno));
	pid = fork();
	if (pid == 0)
		child_become(child, fds[1], parent);
	status = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (pid > 0)
		status = child_wait(pid, child->ms);
	n = read(fds[0], said, sizeof(said) - 1);
	close(fds[0]);
	if (status == 0)
		return 0;
	said[n > 0 ? n : 0] = 0;
	return child_failed(child, status, said, why);
}

int child_execute(const char *program, char *const argv[])
{
	char *const envp[] = {NULL};

	(void)execve(program, argv, envp);
	dprintf(STDERR_FILENO, "cannot execute %s: %s", program, strerror(errno));
	return NOT_EXECUTED;
}
