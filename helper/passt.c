/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/passt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/fs.h"

#define TRY_MS 5000    /* for all that one try runs: its user may stop what runs as him */
#define SAID_MAX 4096U /* bytes */
#define DIGITS "0123456789"

static int fail(char *problem, const char *program, const char *what)
{
	(void)str_print(problem, PASST_PROBLEM, "%.100s: %.140s", program, what);
	return -EIO;
}

/* What comes from fd before it ends or the time has come, into said[SAID_MAX]. */
static void listen_to(int fd, char *said, uint64_t end)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	uint64_t now;
	ssize_t n = 1;

	while (n > 0 && used < SAID_MAX - 1 && (now = clock_steady()) < end && poll(&wait, 1, (int)(end - now)) > 0) {
		n = read(fd, said + used, SAID_MAX - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	said[used] = 0;
}

/*
 * Run the child, of a root's program, until the time has come; what it says on
 * both streams is in said[SAID_MAX]. It is in no job's cgroup, so that nobody
 * shall make another program of it. Its wait status, or -errno.
 */
static int run(struct child *child, char *said, uint64_t end)
{
	int fd = fs_open_file(child->program, NULL);
	uint64_t now;
	int ends[2];
	pid_t pid;

	said[0] = 0;
	child->hidden = true;
	if (fd < 0)
		return fd;
	close(fd);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child->out = child->err = ends[1];
	pid = child_start(child);
	close(ends[1]);
	if (pid > 0)
		listen_to(ends[0], said, end);
	close(ends[0]);
	now = clock_steady();
	return pid < 0 ? (int)pid : child_wait(pid, now < end ? (unsigned int)(end - now) : 0);
}

static const char *untrusted(int rc)
{
	return rc == -EPERM ? "it and its folders must be root's and writable by root alone" : strerror(-rc);
}

/* The last line that is of its own concern, and not of a system log that it cannot reach. */
static const char *last_line(char *said)
{
	const char *last = NULL;
	char *rest = NULL;

	for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "Failed to send ", 15) != 0)
			last = line;
	return last ? last : "it fails without a word";
}

/* As the monitor starts it, but with a socket whose other end is closed. */
static int try_passt(const char *program, uid_t uid, gid_t gid, uint64_t end, char *problem)
{
	char fd[16], said[SAID_MAX];
	char *const argv[] = {"passt", "--foreground", "--quiet", "--tcp-ports", "none", "--udp-ports",
	                      "none",  "--fd",         fd,        NULL};
	struct child child = {.program = program, .argv = argv, .uid = uid, .gid = gid, .fd_count = 1, .file_max = 1};
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(problem, program, strerror(errno));
	(void)str_print(fd, sizeof(fd), "%d", ends[1]);
	child.fds = &ends[1];
	close(ends[0]);
	rc = run(&child, said, end);
	close(ends[1]);
	if (rc < 0)
		return fail(problem, program, untrusted(rc));
	return rc == 0 ? 0 : fail(problem, program, last_line(said));
}

bool passt_is_recent(const char *text)
{
	const char *line = strncmp(text, "passt ", 6) == 0 ? text : strstr(text, "\npasst ");
	size_t length = line ? strcspn(line + 1, "\n") + 1 : 0;

	/* passt 0.0~git20250503.587980c-2, passt 0^20240806.gee36266-1.el9, passt 2024_08_21.1d6142f */
	for (size_t i = 1; i + 4 < length; i++) {
		const char *year = &line[i];

		if (strspn(year, DIGITS) >= 4 && !strchr(DIGITS, year[-1]) &&
		    (year[4] == '_' || strspn(year, DIGITS) == 8))
			return strncmp(year, "2024", 4) >= 0;
	}
	return false;
}

static int try_version(const char *program, uid_t uid, gid_t gid, uint64_t end, char *problem)
{
	char *const argv[] = {"passt", "--version", NULL};
	struct child child = {.program = program, .argv = argv, .uid = uid, .gid = gid, .file_max = 1};
	char said[SAID_MAX] = "";

	(void)run(&child, said, end);
	return passt_is_recent(said) ? 0 : fail(problem, program, "it does not say that it is of 2024 or later");
}

bool passt_has_netdev(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && strchr("\r\n", line[length]))
			return true;
	}
	return false;
}

static int try_netdev(const struct config *config, uid_t uid, gid_t gid, uint64_t end, const char *name,
                      const char *lack, char *problem)
{
	char *const argv[] = {"qemu", "-nodefaults", "-display", "none", "-netdev", "help", NULL};
	struct child child = {.program = config->emulator, .argv = argv, .uid = uid, .gid = gid, .file_max = 1};
	char said[SAID_MAX];
	int rc = run(&child, said, end);

	if (rc < 0)
		return fail(problem, config->emulator, untrusted(rc));
	return passt_has_netdev(said, name) ? 0 : fail(problem, config->emulator, lack);
}

int passt_try(const struct config *config, uid_t uid, gid_t gid, bool recent, char *problem)
{
	uint64_t end = clock_steady() + TRY_MS;
	int rc = try_passt(config->passt, uid, gid, end, problem);

	if (rc == 0 && recent)
		rc = try_version(config->passt, uid, gid, end, problem);
	return rc < 0 ? rc : try_netdev(config, uid, gid, end, "stream", "it has no netdev stream (QEMU 7.2)", problem);
}

int passt_try_slirp(const struct config *config, uid_t uid, gid_t gid, char *problem)
{
	return try_netdev(config, uid, gid, clock_steady() + TRY_MS, "user", "it is built without slirp", problem);
}
