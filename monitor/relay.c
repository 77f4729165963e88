/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "monitor/compat.h"
#include "monitor/privilege.h"

#define RELAY_SOCKET "tasks.sock"
#define RELAY_BACKLOG 4096 /* one per task; the kernel's somaxconn holds too */
#define RELAY_CONTROL_FD 3
#define RELAY_TASKS_FD 4
#define RELAY_ARGUMENTS 26

/* The run folder, if nobody but root can change what is in it. */
static int open_run_dir(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != 0 || (st.st_mode & 022)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* Bind the name in the folder; by the folder's descriptor, since a socket's path has 107 bytes at most. */
static int bind_tasks(int fd, int folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc;

	rc = str_print(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" RELAY_SOCKET, folder);
	if (rc < 0)
		return rc;
	if (unlinkat(folder, RELAY_SOCKET, 0) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	return rc;
}

/* A listening socket at run_dir/tasks.sock; the descriptor, or a negative errno. */
static int listen_tasks(const struct machine *machine)
{
	int folder = open_run_dir(machine->run_dir);
	int fd, rc;

	if (folder < 0)
		return folder;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : bind_tasks(fd, folder);
	if (rc == 0 && listen(fd, RELAY_BACKLOG) < 0)
		rc = -errno;
	/* last: from here on the user can connect */
	if (rc == 0 && fchownat(folder, RELAY_SOCKET, machine->uid, machine->gid, AT_SYMLINK_NOFOLLOW) < 0)
		rc = -errno;
	close(folder);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* uid and gid as texts, which arguments[] points to. */
struct ids {
	char uid[16], gid[16];
};

static void relay_arguments(const struct machine *machine, struct ids *ids, const char **arguments)
{
	size_t n = 0;

	(void)str_print(ids->uid, sizeof(ids->uid), "%u", machine->uid);
	(void)str_print(ids->gid, sizeof(ids->gid), "%u", machine->gid);
	arguments[n++] = "wnodes-relay";
	arguments[n++] = "--machine-name";
	arguments[n++] = machine->name;
	arguments[n++] = "--job";
	arguments[n++] = machine->job;
	arguments[n++] = "--uid";
	arguments[n++] = ids->uid;
	arguments[n++] = "--gid";
	arguments[n++] = ids->gid;
	arguments[n++] = "--user";
	arguments[n++] = machine->user;
	arguments[n++] = "--home";
	arguments[n++] = machine->home;
	arguments[n++] = "--shell";
	arguments[n++] = machine->shell;
	arguments[n++] = "--groups";
	arguments[n++] = machine->groups;
	arguments[n++] = "--uuid";
	arguments[n++] = machine->uuid;
	if (machine->hostname) {
		arguments[n++] = "--hostname";
		arguments[n++] = machine->hostname;
	}
	if (machine->console) {
		arguments[n++] = "--console";
		arguments[n++] = machine->console;
	}
	if (machine->commands) {
		arguments[n++] = "--slurm-commands";
		arguments[n++] = machine->commands;
	}
	arguments[n] = NULL;
}

/* Only the two sockets and 0 to 2 remain open. */
static int place_descriptors(int control, int tasks)
{
	int high_control = fcntl(control, F_DUPFD_CLOEXEC, 10);
	int high_tasks = fcntl(tasks, F_DUPFD_CLOEXEC, 10);

	if (high_control < 0 || high_tasks < 0)
		return -errno;
	if (dup2(high_control, RELAY_CONTROL_FD) < 0 || dup2(high_tasks, RELAY_TASKS_FD) < 0)
		return -errno;
	compat_close_from(RELAY_TASKS_FD + 1);
	return 0;
}

static void default_signals(void)
{
	sigset_t none;

	for (int signal = 1; signal < SIGRTMAX; signal++)
		(void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: becomes the relay, or ends. Single-threaded still, so the ids are this thread's. */
static _Noreturn void relay_execute(const struct machine *machine, int control, int tasks, pid_t parent)
{
	static char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C";
	static char *const environment[] = {path, locale, NULL};
	const char *arguments[RELAY_ARGUMENTS];
	struct ids ids;

	relay_arguments(machine, &ids, arguments);
	default_signals();
	(void)umask(0077);
	if (place_descriptors(control, tasks) < 0 || chdir("/") < 0)
		_exit(126);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || privilege_become_user(machine, parent) < 0)
		_exit(126);
	(void)execve(WNODES_RELAY, (char *const *)(uintptr_t)arguments, environment);
	_exit(127);
}

int relay_spawn(const struct machine *machine, int *control, const char **step)
{
	int pair[2] = {-1, -1};
	pid_t parent = getpid();
	int rc, tasks;
	pid_t pid;

	*step = "the socket tasks.sock";
	tasks = listen_tasks(machine);
	if (tasks < 0)
		return tasks;
	*step = "the relay's process";
	rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (rc < 0)
		goto out;
	pid = fork();
	if (pid == 0)
		relay_execute(machine, pair[1], tasks, parent);
	if (pid < 0) {
		rc = -errno;
		close(pair[0]);
	} else {
		*control = pair[0];
	}
	close(pair[1]);
out:
	close(tasks);
	return rc;
}
