/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/fs.h"

#define PIDS_MAX 4096U /* looked at in one round; the next takes the rest */

struct pids {
	pid_t list[PIDS_MAX];
	size_t count;
};

static bool pids_has(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->count; i++)
		if (pids->list[i] == pid)
			return true;
	return false;
}

static void pids_read(struct pids *pids, const struct cgroup_set *set)
{
	char path[PATH_MAX];

	pids->count = 0;
	for (size_t i = 0; i < set->count; i++) {
		FILE *file = NULL;
		int pid;

		if (str_print(path, sizeof(path), "%s/cgroup.procs", set->paths[i]) == 0)
			file = fopen(path, "re");
		if (!file)
			continue;
		while (pids->count < PIDS_MAX && fscanf(file, "%d", &pid) == 1)
			if (pid > 1 && pid != getpid() && !pids_has(pids, pid))
				pids->list[pids->count++] = pid;
		fclose(file);
	}
}

/* The parent and effective uid of a process from /proc/PID/status; false where it is gone. */
static bool pids_status(pid_t pid, pid_t *parent, uid_t *euid)
{
	char path[32];
	char text[4096];
	const char *ppid, *uid;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	n = fs_read(AT_FDCWD, path, text, sizeof(text));
	ppid = n < 0 ? NULL : strstr(text, "\nPPid:\t");
	uid = n < 0 ? NULL : strstr(text, "\nUid:\t");
	if (!ppid || !uid)
		return false;
	*parent = (pid_t)strtol(ppid + 7, NULL, 10);
	uid = strchr(uid + 6, '\t');
	*euid = uid ? (uid_t)strtoul(uid + 1, NULL, 10) : UINT_MAX;
	return true;
}

/* The monitor's reaper: root's, and its parent is none of the machine's. */
static bool pids_is_reaper(const struct pids *pids, pid_t pid)
{
	pid_t parent;
	uid_t euid;

	return pids_status(pid, &parent, &euid) && euid == 0 && !pids_has(pids, parent);
}

/*
 * A pid may have passed to a stranger since it was read: hold it by a
 * descriptor, and signal only if the cgroup still lists it afterwards.
 */
static void pids_kill(const struct pids *before, const struct cgroup_set *set, bool spare_reaper)
{
	static struct pids after;
	static int fds[PIDS_MAX];

	for (size_t i = 0; i < before->count; i++)
		fds[i] = (int)syscall(SYS_pidfd_open, before->list[i], 0);
	pids_read(&after, set);
	for (size_t i = 0; i < before->count; i++) {
		pid_t pid = before->list[i];

		if (pids_has(&after, pid) && !(spare_reaper && pids_is_reaper(&after, pid))) {
			if (fds[i] >= 0)
				(void)syscall(SYS_pidfd_send_signal, fds[i], SIGKILL, NULL, 0);
			else
				(void)kill(pid, SIGKILL); /* a kernel before 5.3 */
		}
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

/*
 * cgroup.procs of cgroup v2 has no process whose first thread has gone and whose
 * others are on their way, though the last of these has yet to give up its
 * memory and files: seconds for a large machine with a VFIO device.
 */
static bool is_populated(const char *folder)
{
	char path[PATH_MAX], text[256];

	return str_print(path, sizeof(path), "%s/cgroup.events", folder) == 0 &&
	       fs_read(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, "populated 1\n");
}

size_t cgroup_kill(const struct cgroup_set *set, bool spare_reaper)
{
	static struct pids pids;
	size_t populated = 0;

	pids_read(&pids, set);
	if (pids.count > 0)
		pids_kill(&pids, set, spare_reaper);
	for (size_t i = 0; pids.count == 0 && i < set->count; i++)
		populated += is_populated(set->paths[i]);
	return pids.count + populated;
}
