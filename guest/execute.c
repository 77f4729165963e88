/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/execute.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/log.h"
#include "guest/oom.h"

#define NOT_FOUND 127

void execute_close_others(int kept)
{
	DIR *folder = opendir("/proc/self/fd");
	int most = 1023, self = folder ? dirfd(folder) : -1;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (atoi(entry->d_name) > most)
			most = atoi(entry->d_name);
	for (int fd = 3; fd <= most; fd++)
		if (fd != kept && fd != self)
			close(fd);
	if (folder)
		closedir(folder);
}

static void become_plain(unsigned int seconds)
{
	static const int handled[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *environment[] = {path, NULL};
	const struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;
	int null;

	/* the port can be opened only once */
	execute_close_others(-1);
	agent_log_reopen();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaction(handled[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	environ = environment;
	oom_expose();
	alarm(seconds);
}

pid_t execute_fork(unsigned int seconds)
{
	pid_t pid = fork();

	if (pid == 0)
		become_plain(seconds);
	return pid < 0 ? -errno : pid;
}

void execute_become(const char *const argv[])
{
	execvp(argv[0], (char *const *)(uintptr_t)argv);
}

pid_t execute_start(const char *const argv[], unsigned int seconds)
{
	pid_t pid = execute_fork(seconds);

	if (pid == 0) {
		execute_become(argv);
		_exit(NOT_FOUND);
	}
	return pid;
}

int execute_run(const char *const argv[], unsigned int seconds)
{
	pid_t pid = execute_start(argv, seconds);
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
