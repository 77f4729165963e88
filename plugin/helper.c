/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/paths.h"

#define KILLED_MS 2000

void helper_begin(struct helper_call *call, const char *verb)
{
	*call = (struct helper_call){.argv = {"wnodes-helper", verb}, .argc = 2};
}

void helper_add(struct helper_call *call, const char *name, const char *value)
{
	if (!value || call->argc + 2 > HELPER_ARGUMENTS)
		return;
	call->argv[call->argc++] = name;
	call->argv[call->argc++] = value;
	call->argv[call->argc] = NULL;
}

/* After fork() in a process with threads: system calls only. */
static void helper_child(const struct helper_call *call, int errors)
{
	static char *const environment[] = {NULL};
	const struct helper_user *user = call->user;
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors, 2) < 0)
		_exit(126);
	if (user && (setgroups(user->group_count, user->groups) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	             setresuid(user->uid, user->uid, user->uid) < 0))
		_exit(126);
	execve(WNODES_HELPER, (char *const *)(const void *)call->argv, environment);
	dprintf(2, "cannot execute %s: %s\n", WNODES_HELPER, strerror(errno));
	_exit(127);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Log the whole lines in buffer[*used]; keep the rest. */
static void log_lines(char *buffer, size_t *used, size_t size, int end)
{
	char *line = buffer;
	char *newline;

	buffer[*used] = 0;
	while ((newline = strchr(line, '\n'))) {
		*newline = 0;
		slurm_error("wnodes: %s", line);
		line = newline + 1;
	}
	*used -= (size_t)(line - buffer);
	memmove(buffer, line, *used);
	if (*used && (end || *used == size - 1)) {
		buffer[*used] = 0;
		slurm_error("wnodes: %s", buffer);
		*used = 0;
	}
}

/* Read errors until the helper and all that hold them have closed them, or the deadline. */
static int drain(int errors, long long deadline)
{
	char buffer[1024];
	size_t used = 0;

	for (;;) {
		struct pollfd p = {.fd = errors, .events = POLLIN};
		long long left = deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(errors, buffer + used, sizeof(buffer) - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			used += (size_t)n;
		log_lines(buffer, &used, sizeof(buffer), n <= 0);
		if (n <= 0)
			return 0;
	}
}

/* Its exit code; -1: it was killed; -ETIMEDOUT: it was, and does not end, since the kernel keeps it. */
static int reap(pid_t pid, long long deadline)
{
	struct timespec pause = {.tv_nsec = 2000000};
	int status;

	for (;;) {
		long long now = now_ms();
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (got < 0 && errno != EINTR)
			return -1;
		if (now >= deadline + KILLED_MS)
			return -ETIMEDOUT;
		if (now >= deadline)
			(void)kill(pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
}

int helper_run(const struct helper_call *call, unsigned int seconds)
{
	long long deadline = now_ms() + seconds * 1000LL;
	int errors[2];
	pid_t pid;
	int code;

	if (pipe2(errors, O_CLOEXEC) < 0) {
		slurm_error("wnodes: pipe: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid == 0)
		helper_child(call, errors[1]);
	close(errors[1]);
	if (pid < 0) {
		slurm_error("wnodes: fork: %s", strerror(errno));
		close(errors[0]);
		return -1;
	}
	if (drain(errors[0], deadline) < 0) {
		slurm_error("wnodes: wnodes-helper %s took more than %u s and is killed", call->argv[1], seconds);
		(void)kill(pid, SIGKILL);
	}
	close(errors[0]);
	code = reap(pid, deadline);
	if (code == -ETIMEDOUT)
		slurm_error(
		        "wnodes: wnodes-helper %s (pid %d) does not end: the kernel keeps it; the node may have to be "
		        "rebooted",
		        call->argv[1], pid);
	else if (code < 0)
		slurm_error("wnodes: wnodes-helper %s died", call->argv[1]);
	return code < 0 ? -1 : code;
}
