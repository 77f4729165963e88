/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/child.h"
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
	char *const argv[] = {(char *)program, "--version", NULL};
	/* hidden: it is in no job's cgroup, so that nobody shall make another program of it */
	struct child child = {
	        .program = program, .argv = argv, .uid = uid, .gid = gid, .hidden = true, .err = -1, .file_max = 1};
	int ends[2], fd = fs_open_file(program, NULL);
	pid_t pid;

	*problem = fd == -EPERM ? "it and its folders must be root's and writable by root alone" : strerror(-fd);
	if (fd < 0)
		return false;
	close(fd);
	*problem = strerror(EAGAIN);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	child.out = ends[1];
	pid = child_start(&child);
	close(ends[1]);
	text[0] = 0;
	if (pid > 0) {
		read_answer(ends[0], text);
		(void)child_wait(pid, 0);
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
