/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/passt.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/fs.h"

#define TRY_MS 5000U   /* for all that one try runs: its user may stop what runs as him */
#define SAID_MAX 4096U /* bytes */
#define DIGITS "0123456789"

static int fail(char *problem, const char *program, const char *what)
{
	(void)str_print(problem, PASST_PROBLEM, "%.100s: %.140s", program, what);
	return -EIO;
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
	int ends[2], rc;
	const struct child child = {.program = program,
	                            .argv = argv,
	                            .uid = uid,
	                            .gid = gid,
	                            .fds = &ends[1],
	                            .fd_count = 1,
	                            .file_max = 1};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(problem, program, strerror(errno));
	(void)str_print(fd, sizeof(fd), "%d", ends[1]);
	close(ends[0]);
	rc = child_ask(&child, true, said, sizeof(said), end);
	close(ends[1]);
	if (rc < 0)
		return fail(problem, program, fs_error(rc));
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
	const struct child child = {.program = program, .argv = argv, .uid = uid, .gid = gid, .file_max = 1};
	char said[SAID_MAX];

	(void)child_ask(&child, true, said, sizeof(said), end);
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
	const struct child child = {.program = config->emulator, .argv = argv, .uid = uid, .gid = gid, .file_max = 1};
	char said[SAID_MAX];
	int rc = child_ask(&child, true, said, sizeof(said), end);

	if (rc < 0)
		return fail(problem, config->emulator, fs_error(rc));
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
