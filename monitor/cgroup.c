/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/str.h"
#include "monitor/compat.h"

#include <limits.h>

#define CGROUP_PAUSE_NS 10000000L

struct processes {
	pid_t *pids;
	size_t count;
};

static int processes_add(struct processes *processes, pid_t pid)
{
	pid_t *pids = reallocarray(processes->pids, processes->count + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	processes->pids = pids;
	pids[processes->count++] = pid;
	return 0;
}

static void processes_free(struct processes *processes)
{
	free(processes->pids);
	*processes = (struct processes){0};
}

/* The cgroup's processes but this one. */
static int processes_read(struct processes *processes, const char *folder)
{
	char path[PATH_MAX];
	FILE *stream;
	int pid, rc;

	rc = str_print(path, sizeof(path), "%s/cgroup.procs", folder);
	if (rc < 0)
		return rc;
	stream = fopen(path, "re");
	if (!stream)
		return -errno;
	/* 0: a process of another pid namespace, which cannot be named from here */
	while (rc == 0 && fscanf(stream, "%d", &pid) == 1)
		if (pid > 0 && pid != getpid())
			rc = processes_add(processes, pid);
	if (rc == 0 && ferror(stream))
		rc = -EIO;
	(void)fclose(stream);
	if (rc < 0)
		processes_free(processes);
	return rc;
}

static bool processes_have(const struct processes *processes, pid_t pid)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->pids[i] == pid)
			return true;
	return false;
}

bool cgroup_holds_me(const char *folder)
{
	char path[PATH_MAX];
	bool found = false;
	FILE *stream;
	int pid;

	if (str_print(path, sizeof(path), "%s/cgroup.procs", folder) < 0)
		return false;
	stream = fopen(path, "re");
	if (!stream)
		return false;
	while (!found && fscanf(stream, "%d", &pid) == 1)
		found = pid == getpid();
	(void)fclose(stream);
	return found;
}

/*
 * A pid that was read may be another process by now. So: hold it by a pidfd,
 * see that the cgroup still lists it, then kill by the pidfd.
 */
static int kill_listed(const struct processes *processes, const char *folder)
{
	struct processes again = {0};
	int *pidfds = calloc(processes->count, sizeof(*pidfds));
	int rc;

	if (!pidfds)
		return -ENOMEM;
	for (size_t i = 0; i < processes->count; i++) {
		pidfds[i] = compat_pidfd_open(processes->pids[i]);
		if (pidfds[i] < 0 && errno == ENOSYS)
			pidfds[i] = -2;
	}
	rc = processes_read(&again, folder);
	for (size_t i = 0; i < processes->count; i++) {
		if (rc == 0 && processes_have(&again, processes->pids[i])) {
			if (pidfds[i] >= 0)
				(void)compat_pidfd_send_signal(pidfds[i], SIGKILL);
			else if (pidfds[i] == -2)
				(void)kill(processes->pids[i], SIGKILL);
		}
		if (pidfds[i] >= 0)
			close(pidfds[i]);
	}
	processes_free(&again);
	free(pidfds);
	return rc;
}

int cgroup_kill(const char *folder, unsigned int seconds)
{
	const struct timespec pause = {0, CGROUP_PAUSE_NS};
	unsigned long rounds = seconds * (1000000000UL / (unsigned long)CGROUP_PAUSE_NS);

	for (;; rounds--) {
		struct processes processes = {0};
		int left, rc;

		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
		rc = processes_read(&processes, folder);
		left = (int)processes.count;
		if (rc == 0 && left > 0)
			rc = kill_listed(&processes, folder);
		processes_free(&processes);
		if (rc < 0 || left == 0 || rounds == 0)
			return rc < 0 ? rc : left;
		(void)nanosleep(&pause, NULL);
	}
}
