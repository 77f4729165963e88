/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/lvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/fs.h"

#define RUN_MS 60000U

static void read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	while (used > 0 && strchr(" \n", text[used - 1]))
		used--;
	text[used] = 0;
	used = strspn(text, " \n");
	memmove(text, text + used, strlen(text + used) + 1);
}

static int run(const struct child *child, char *said, size_t size, int *pipes)
{
	struct child spoken = *child;
	int status;
	pid_t pid;

	spoken.out = pipes[1];
	spoken.err = pipes[3];
	pid = child_start(&spoken);
	/* what it writes fits into the pipes: an answer is a line */
	status = pid < 0 ? (int)pid : child_wait(pid, RUN_MS);
	read_all(status == 0 ? pipes[0] : pipes[2], said, size);
	return status;
}

int lvm_run(struct lvm_command *command, char *output, size_t size, struct failure *why)
{
	const struct child child = {.program = LVM_PROGRAM, .argv = command->argv, .is_roots = true};
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
		status = run(&child, said, sizeof(said), pipes);
	for (size_t i = 0; i < 4; i++)
		if (pipes[i] >= 0)
			close(pipes[i]);
	if (status != 0)
		return child_failed(task, status, said, why);
	return output && str_print(output, size, "%s", said) < 0
	               ? failure_set(why, EXIT_NODE, "%s: its answer is too long", task)
	               : 0;
}
