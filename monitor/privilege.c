/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/privilege.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/str.h"

/* Whether a line of /proc's status file contradicts what a thread of the user's must have. */
static bool line_is_wrong(const char *line, uid_t uid, gid_t gid)
{
	char expected[96];

	if (strncmp(line, "Uid:", 4) == 0)
		(void)str_print(expected, sizeof(expected), "Uid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
	else if (strncmp(line, "Gid:", 4) == 0)
		(void)str_print(expected, sizeof(expected), "Gid:\t%u\t%u\t%u\t%u\n", gid, gid, gid, gid);
	else if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0 ||
	         strncmp(line, "CapInh:", 7) == 0 || strncmp(line, "CapAmb:", 7) == 0)
		(void)str_print(expected, sizeof(expected), "%.7s\t%016d\n", line, 0);
	else if (strncmp(line, "NoNewPrivs:", 11) == 0)
		(void)str_print(expected, sizeof(expected), "NoNewPrivs:\t1\n");
	else
		return false;
	return strcmp(line, expected) != 0;
}

static int check_thread(const char *task, uid_t uid, gid_t gid)
{
	char path[64], line[512];
	unsigned int lines = 0;
	bool wrong = false;
	FILE *stream;

	if (str_print(path, sizeof(path), "/proc/self/task/%.20s/status", task) < 0)
		return -ENAMETOOLONG;
	stream = fopen(path, "re");
	if (!stream)
		return errno == ENOENT ? 0 : -errno; /* the thread has ended */
	for (; fgets(line, sizeof(line), stream); lines++)
		wrong |= line_is_wrong(line, uid, gid);
	(void)fclose(stream);
	return wrong || lines == 0 ? -EPERM : 0;
}

static int check_threads(uid_t uid, gid_t gid)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	int rc = 0;

	if (!folder)
		return -errno;
	while (rc == 0 && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			rc = check_thread(entry->d_name, uid, gid);
	(void)closedir(folder);
	return rc;
}

int privilege_become_user(const struct machine *machine, pid_t parent)
{
	/* the C library does each of these in all threads */
	if (setgroups(machine->group_count, machine->group_ids) < 0 ||
	    setresgid(machine->gid, machine->gid, machine->gid) < 0 ||
	    setresuid(machine->uid, machine->uid, machine->uid) < 0)
		return -errno;
	/* the user may kill this process, not look into it; a change of ids clears the parent's death signal */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != parent)
		return -ESRCH;
	return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0 ? -EPERM : 0;
}

int privilege_drop(const struct machine *machine, pid_t parent)
{
	int rc = privilege_become_user(machine, parent);

	if (rc < 0)
		return rc;
	if (machine->gid != 0 && (setresgid((gid_t)-1, 0, (gid_t)-1) == 0 || setgid(0) == 0))
		return -EPERM;
	return check_threads(machine->uid, machine->gid);
}
