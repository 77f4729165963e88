/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/lvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/child.h"
#include "helper/fs.h"

#define RUN_MS 60000U
#define LOCK "lvm.lock" /* in WNODES_STATEDIR */

/* What is in the pipe, less blanks at both ends; -E2BIG where it is more than fits in. */
static int read_all(int fd, char *text, size_t size)
{
	size_t used = 0, whole;
	ssize_t n;

	while (used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	whole = used;
	while (used > 0 && strchr(" \n", text[used - 1]))
		used--;
	text[used] = 0;
	used = strspn(text, " \n");
	memmove(text, text + used, strlen(text + used) + 1);
	return whole + 1 < size ? 0 : -E2BIG;
}

/*
 * Killed half way it could leave the pool suspended, and with it all that lies
 * there: so it ends neither with us nor with the job. Returns the exit code of
 * what cannot be executed.
 */
static int execute(void *context)
{
	const struct lvm_command *command = context;
	char *const envp[] = {"LVM_SUPPRESS_FD_WARNINGS=1", NULL};
	int rc = cgroup_leave_jobs();

	if (rc == 0 && prctl(PR_SET_PDEATHSIG, 0) == 0)
		(void)execve(LVM_PROGRAM, command->argv, envp);
	dprintf(STDERR_FILENO, "cannot execute " LVM_PROGRAM ": %s", strerror(rc < 0 ? -rc : errno));
	return 127;
}

/* Its wait status. It holds the lock as long as it runs, whatever becomes of us. */
static int run(struct lvm_command *command, const int *pipes)
{
	int lock = fs_open_lock(WNODES_STATEDIR, LOCK, RUN_MS);
	const struct child child = {.work = execute,
	                            .context = command,
	                            .is_roots = true,
	                            .fds = &lock,
	                            .fd_count = 1,
	                            .out = pipes[1],
	                            .err = pipes[3]};
	pid_t pid = lock < 0 ? lock : child_start(&child);
	/* what it writes fits into the pipes: an answer is some lines */
	int status = pid < 0 ? (int)pid : child_wait(pid, RUN_MS);

	if (lock >= 0)
		close(lock);
	return status;
}

int lvm_run(struct lvm_command *command, char *output, size_t size, struct failure *why)
{
	int pipes[4] = {-1, -1, -1, -1};
	char said[1024] = "", task[64];
	int trusted = fs_open_file(LVM_PROGRAM, NULL);
	int status;

	(void)str_print(task, sizeof(task), "LVM: %s", command->argv[1] ? command->argv[1] : "");
	if (trusted < 0)
		return failure_set(why, EXIT_NODE, "%s: " LVM_PROGRAM ": %s", task, strerror(-trusted));
	close(trusted);
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(pipes + 2, O_CLOEXEC | O_NONBLOCK) < 0)
		status = -errno;
	else
		status = run(command, pipes);
	if (status == 0 && output)
		status = read_all(pipes[0], output, size);
	else if (status != 0 && pipes[2] >= 0)
		(void)read_all(pipes[2], said, sizeof(said));
	for (size_t i = 0; i < 4; i++)
		if (pipes[i] >= 0)
			close(pipes[i]);
	return status == 0 ? 0 : child_failed(task, status, said, why);
}
