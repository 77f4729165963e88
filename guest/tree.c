/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/small_file.h"

#define STOP_PASSES 64

struct process {
	pid_t pid, parent, session;
	char state;
	bool below;
};

struct table {
	struct process *process;
	size_t count, room;
};

/* Read /proc/PID/stat; false where the process has gone. */
static bool read_process(const char *pid, struct process *process)
{
	char path[32], text[512];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%.10s/stat", pid);
	if (small_file_read(path, text, sizeof(text)) <= 0)
		return false;
	p = strrchr(text, ')'); /* the name may have any byte in it */
	*process = (struct process){.pid = (pid_t)strtol(pid, NULL, 10)};
	return p && sscanf(p + 1, " %c %d %*d %d", &process->state, &process->parent, &process->session) == 3;
}

static int add(struct table *table, const struct process *process)
{
	if (table->count == table->room) {
		size_t room = table->room ? table->room * 2 : 256;
		struct process *bigger = realloc(table->process, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		table->process = bigger;
		table->room = room;
	}
	table->process[table->count++] = *process;
	return 0;
}

static int read_all(struct table *table)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	struct process process;
	int rc = 0;

	if (!folder)
		return -errno;
	while (rc == 0 && (entry = readdir(folder)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && read_process(entry->d_name, &process))
			rc = add(table, &process);
	closedir(folder);
	return rc == 0 && table->count == 0 ? -ENOENT : rc;
}

/* Mark what is below self, or of the session. A parent mostly comes before its children, so few rounds do. */
static void mark(struct table *table, pid_t self, pid_t session)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < table->count; i++) {
			struct process *p = &table->process[i];
			bool below = p->parent == self || (session && p->session == session);

			for (size_t j = 0; !below && !p->below && j < table->count; j++)
				below = table->process[j].below && table->process[j].pid == p->parent;
			if (below && !p->below && p->pid != self) {
				p->below = true;
				again = true;
			}
		}
	}
}

/* One pass: signal what is found. Returns how many live; *fresh: how many of these were not stopped yet. */
static int pass(pid_t session, int number, size_t *fresh)
{
	struct table table = {0};
	int living = 0, rc = read_all(&table);

	*fresh = 0;
	if (rc == 0)
		mark(&table, getpid(), session);
	for (size_t i = 0; rc == 0 && i < table.count; i++) {
		struct process *p = &table.process[i];

		if (!p->below || p->state == 'Z' || p->state == 'X')
			continue;
		living++;
		*fresh += p->state != 'T' && p->state != 't';
		kill(p->pid, number);
	}
	free(table.process);
	return rc < 0 ? rc : living;
}

int tree_kill(pid_t session, bool stop)
{
	size_t fresh = 0;
	int rc = 0;

	for (int i = 0; stop && i < STOP_PASSES; i++) {
		rc = pass(session, SIGSTOP, &fresh);
		if (rc <= 0 || fresh == 0)
			break;
	}
	return pass(session, SIGKILL, &fresh);
}

pid_t tree_parent(pid_t pid)
{
	struct process process;
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return read_process(text, &process) ? process.parent : 0;
}

bool tree_has_session(pid_t session)
{
	struct table table = {0};
	bool found = read_all(&table) < 0;

	for (size_t i = 0; !found && i < table.count; i++)
		found = table.process[i].session == session && table.process[i].state != 'Z';
	free(table.process);
	return found;
}

size_t tree_kill_user(uid_t uid)
{
	size_t living = 0;
	struct table table = {0};
	char path[32];
	struct stat st;

	read_all(&table);
	for (size_t i = 0; i < table.count; i++) {
		snprintf(path, sizeof(path), "/proc/%d", (int)table.process[i].pid);
		if (stat(path, &st) < 0 || st.st_uid != uid || table.process[i].state == 'Z')
			continue;
		living++;
		kill(table.process[i].pid, SIGKILL);
	}
	free(table.process);
	return living;
}
