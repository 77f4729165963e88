/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/image/cache_folder.h"

#define MEMORY_MAX (UINT64_C(2) << 30)
#define GET_EXTRA_SECONDS 30U /* wnodes-fetch keeps its time itself */
#define INSPECT_SECONDS 60U
#define DIGEST_SECONDS 14400U /* 1 TiB at 75 MB/s */
#define END_MS 5000U          /* from the end of its output to its own */
int fetcher_open(struct fetcher *fetcher, struct failure *why)
{
	/* a system user is a local one; no name service's module comes into this process */
	FILE *stream = fopen("/etc/passwd", "re");
	static char buffer[16384];
	struct passwd entry, *found = NULL;

	*fetcher = (struct fetcher){0};
	while (stream && fgetpwent_r(stream, &entry, buffer, sizeof(buffer), &found) == 0)
		if (strcmp(entry.pw_name, WNODES_FETCH_USER) == 0) {
			*fetcher = (struct fetcher){entry.pw_uid, entry.pw_gid};
			break;
		}
	if (stream)
		fclose(stream);
	if (fetcher->uid == 0 || fetcher->gid == 0)
		return failure_set(why, EXIT_NODE,
		                   "images cannot be fetched: this node has no user " WNODES_FETCH_USER
		                   " in /etc/passwd; make it (useradd -r " WNODES_FETCH_USER ")");
	return 0;
}

/* One run of wnodes-fetch, and its output as it comes. */
struct run {
	struct child child;
	unsigned int seconds; /* after which it is killed */
	fetcher_line *line;
	void *context;
	char text[8192]; /* of a line that is not whole yet; a longer one is cut */
	size_t used;
	char error[256]; /* what it says is wrong, or the last thing that it said at all */
	bool has_error;
};

static void run_take(struct run *run, char *line)
{
	char *equals = strchr(line, '=');
	size_t key = equals ? (size_t)(equals - line) : 0;

	str_printable(line);
	if (key == 0 || strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_") != key) {
		/* the dynamic linker, say */
		if (*line && !run->has_error)
			(void)snprintf(run->error, sizeof(run->error), "%.*s", (int)sizeof(run->error) - 1, line);
		return;
	}
	*equals = 0;
	if (strcmp(line, "error") == 0) {
		(void)snprintf(run->error, sizeof(run->error), "%.*s", (int)sizeof(run->error) - 1, equals + 1);
		run->has_error = true;
	} else {
		run->line(run->context, line, equals + 1);
	}
}

/* Read what there is; false at the end of it. */
static bool run_read(struct run *run, int fd)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < n; i++) {
		if (chunk[i] == '\n' || chunk[i] == 0) {
			run->text[run->used] = 0;
			run->used = 0;
			run_take(run, run->text);
		} else if (run->used < sizeof(run->text) - 1) {
			run->text[run->used++] = chunk[i];
		}
	}
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Its lines until it closes its output; false where it was late. */
static bool run_listen(struct run *run, int fd)
{
	uint64_t deadline = clock_steady() + run->seconds * UINT64_C(1000);
	uint64_t tick = clock_steady() + 1000;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_steady();

		if (now >= deadline)
			return false;
		if (now >= tick) {
			run->line(run->context, NULL, NULL);
			tick = now + 1000;
		}
		if (poll(&wait, 1, 500) > 0 && !run_read(run, fd))
			return true;
	}
}

static int run_fail(const struct run *run, int status, struct failure *why)
{
	if (status == -ETIMEDOUT)
		return failure_set(why, EXIT_NODE, "wnodes-fetch did not end within %u s", run->seconds);
	if (status < 0)
		return failure_set(why, EXIT_NODE, "cannot execute wnodes-fetch: %s", strerror(-status));
	if (WIFSIGNALED(status)) {
		(void)failure_set(why, EXIT_NODE, "wnodes-fetch was killed by signal %d", WTERMSIG(status));
		return -EINTR;
	}
	if (!run->error[0])
		return failure_set(why, EXIT_NODE, "wnodes-fetch failed with %d", WEXITSTATUS(status));
	return failure_set(why, WEXITSTATUS(status) == FETCHER_WRONG ? FETCHER_WRONG : EXIT_NODE, "%s", run->error);
}

/* Run it to its end. Returns 0, or -EINTR or -EIO with why. */
static int run_all(struct run *run, const struct fetcher *fetcher, char *const *argv, struct failure *why)
{
	int fds[2], status;
	bool ended;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return failure_set(why, EXIT_NODE, "pipe: %s", strerror(errno));
	run->child.program = WNODES_FETCH;
	run->child.argv = argv;
	run->child.uid = fetcher->uid;
	run->child.gid = fetcher->gid;
	run->child.memory_max = MEMORY_MAX;
	run->child.out = run->child.err = fds[1];
	pid = child_start(&run->child);
	close(fds[1]);
	ended = pid > 0 && run_listen(run, fds[0]);
	close(fds[0]);
	if (pid > 0 && !ended)
		(void)kill(pid, SIGKILL);
	status = pid < 0 ? (int)pid : child_wait(pid, END_MS);
	if (pid > 0 && !ended)
		status = -ETIMEDOUT;
	return status == 0 ? 0 : run_fail(run, status, why);
}

/* Descriptors and numbers of a command line. */
struct words {
	char text[8][24];
	size_t count;
};

static char *words_add(struct words *words, uint64_t number)
{
	char *text = words->text[words->count++];

	(void)snprintf(text, sizeof(words->text[0]), "%" PRIu64, number);
	return text;
}

/* The URLs, a line each: not in argv, which everybody may read. A descriptor, or a negative errno. */
static int write_sources(const struct fetcher_get *get)
{
	int fd = memfd_create("sources", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;

	for (size_t i = 0; rc == 0 && i < get->source_count; i++)
		rc = dprintf(fd, "%s\n", get->sources[i]) < 0 ? -errno : 0;
	if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int fetcher_get(const struct fetcher *fetcher, const struct fetcher_get *get, struct failure *why)
{
	const struct config *config = get->config;
	uint64_t max = get->image->size_max ? get->image->size_max : config->fetch_size_max;
	const int fds[] = {get->part, get->notes, write_sources(get)};
	struct run run = {.child = {.fds = fds, .fd_count = 3, .file_max = max + (1U << 20)},
	                  .seconds = (unsigned int)config->fetch_timeout + GET_EXTRA_SECONDS,
	                  .line = get->line,
	                  .context = get->context};
	char *argv[24] = {"wnodes-fetch", "get"};
	struct words words = {0};
	size_t n = 2;
	int rc;

	if (fds[2] < 0)
		return failure_set(why, EXIT_NODE, "memfd_create: %s", strerror(-fds[2]));
	argv[n++] = "--sources";
	argv[n++] = words_add(&words, (uint64_t)fds[2]);
	argv[n++] = "--part";
	argv[n++] = words_add(&words, (uint64_t)get->part);
	argv[n++] = "--notes";
	argv[n++] = words_add(&words, (uint64_t)get->notes);
	argv[n++] = "--max";
	argv[n++] = words_add(&words, max);
	if (config->fetch_ca_file[0]) {
		argv[n++] = "--ca-file";
		argv[n++] = (char *)config->fetch_ca_file;
	}
	if (config->fetch_rate) {
		argv[n++] = "--rate";
		argv[n++] = words_add(&words, config->fetch_rate);
	}
	argv[n++] = "--stall";
	argv[n++] = words_add(&words, config->fetch_stall_timeout);
	argv[n++] = "--timeout";
	argv[n++] = words_add(&words, config->fetch_timeout);
	argv[n] = NULL;
	rc = run_all(&run, fetcher, argv, why);
	close(fds[2]);
	return rc;
}

static void digest_line(void *context, const char *key, const char *value)
{
	char *hex = context;

	if (key && strcmp(key, "sha256") == 0 && str_is_sha256(value))
		memcpy(hex, value, 65);
}

int fetcher_digest(const struct fetcher *fetcher, int fd, char *hex, struct failure *why)
{
	struct run run = {.child = {.fds = &fd, .fd_count = 1, .file_max = 1},
	                  .seconds = DIGEST_SECONDS,
	                  .line = digest_line,
	                  .context = hex};
	struct words words = {0};
	char *const argv[] = {"wnodes-fetch", "digest", "--fd", words_add(&words, (uint64_t)fd), NULL};
	int rc;

	hex[0] = 0;
	rc = run_all(&run, fetcher, argv, why);
	return rc == 0 && !hex[0] ? failure_set(why, EXIT_NODE, "wnodes-fetch said no digest") : rc;
}

static void inspect_line(void *context, const char *key, const char *value)
{
	uint64_t number;

	if (key && strcmp(key, "virtual_size") == 0 && str_u64(value, 1, UINT64_MAX, &number) == 0)
		*(uint64_t *)context = number;
}

int fetcher_inspect(const struct fetcher *fetcher, const struct config *config, int fd, const char *format,
                    uint64_t *virtual_size, struct failure *why)
{
	struct run run = {.child = {.fds = &fd, .fd_count = 1, .file_max = 1},
	                  .seconds = INSPECT_SECONDS,
	                  .line = inspect_line,
	                  .context = virtual_size};
	struct words words = {0};
	char *const argv[] = {"wnodes-fetch",
	                      "inspect",
	                      "--fd",
	                      words_add(&words, (uint64_t)fd),
	                      "--format",
	                      (char *)format,
	                      "--qemu-img",
	                      (char *)config->qemu_img,
	                      NULL};
	int rc;

	*virtual_size = 0;
	rc = run_all(&run, fetcher, argv, why);
	return rc == 0 && *virtual_size == 0 ? failure_set(why, EXIT_NODE, "wnodes-fetch said no virtual size") : rc;
}
