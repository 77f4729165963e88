/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "helper/clock.h"
#include "helper/fs.h"

#define ANSWER_MS 5000
#define ANSWER_MAX 256U /* bytes */

bool virtiofsd_is_usable(const char *text)
{
	unsigned int minor;
	char dot;

	/* 1.13 brought --translate-uid; the one in C says "virtiofsd version 7.2.0" */
	return sscanf(text, "virtiofsd 1.%4u%c", &minor, &dot) == 2 && dot == '.' && minor >= 13;
}

static _Noreturn void ask_process(const char *program, uid_t uid, gid_t gid, int out, pid_t parent)
{
	char *const argv[] = {(char *)program, "--version", NULL};
	char *const envp[] = {NULL};
	const struct rlimit cpu = {ANSWER_MS / 1000, ANSWER_MS / 1000}, none = {0, 0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(127);
	for (long fd = 3, end = sysconf(_SC_OPEN_MAX); fd < end && fd < 4096; fd++)
		close((int)fd);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 || setuid(0) == 0)
		_exit(127);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	execve(program, argv, envp);
	_exit(127);
}

/* What comes from fd before it ends or ANSWER_MS have gone, into text[ANSWER_MAX]. */
static void read_answer(int fd, char *text)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t end = clock_steady() + ANSWER_MS, now;
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < ANSWER_MAX - 1 && !memchr(text, '\n', used) && (now = clock_steady()) < end &&
	       poll(&wait, 1, (int)(end - now)) > 0) {
		n = read(fd, text + used, ANSWER_MAX - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = 0;
}

/* Whether program is root's and answers as it should; why not in *problem. */
static bool is_usable(const char *program, uid_t uid, gid_t gid, const char **problem)
{
	char text[ANSWER_MAX];
	int ends[2], fd = fs_open_file(program, NULL);
	pid_t child, parent = getpid();

	*problem = fd == -EPERM ? "it and its folders must be root's and writable by root alone" : strerror(-fd);
	if (fd < 0)
		return false;
	close(fd);
	*problem = strerror(EAGAIN);
	if (uid == 0 || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	child = fork();
	if (child == 0)
		ask_process(program, uid, gid, ends[1], parent);
	close(ends[1]);
	text[0] = 0;
	if (child > 0) {
		read_answer(ends[0], text);
		(void)kill(child, SIGKILL);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	*problem = "it is no virtiofsd 1.13 or later (the one in Rust)";
	return virtiofsd_is_usable(text);
}

int virtiofsd_choose(const struct config *config, uid_t uid, gid_t gid, struct kv *kv, struct failure *why)
{
	const char *problem = NULL;

	if (!kv_get(kv, "mount.0.source") || config->mount_transport == MOUNT_TRANSPORT_9P)
		return 0;
	if (is_usable(config->virtiofsd, uid, gid, &problem))
		return kv_set(kv, "virtiofsd", config->virtiofsd) < 0 ? failure_set(why, EXIT_NODE, "out of memory")
		                                                      : 0;
	if (config->mount_transport == MOUNT_TRANSPORT_AUTO)
		return 0;
	return failure_set(why, EXIT_NODE, "wnodes.conf says mount_transport = virtiofs, but %.200s: %s",
	                   config->virtiofsd, problem);
}
