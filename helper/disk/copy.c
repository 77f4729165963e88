/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "helper/image/cache.h"
#include "helper/image/own.h"
#include "helper/record.h"
#include "helper/state.h"

#define LOOK_MS 100
#define SAY_MS 1000U
#define QUIET_MS 500U /* what is done by then needs no line */

/* What a child says. */
struct heard {
	char out[256]; /* its last bytes */
	char err[256]; /* its first */
	size_t err_used;
	int hundredths;
};

int copy_percent(const char *text)
{
	const char *end = NULL;
	const char *at = text;
	char *rest;
	double percent;

	while ((at = strstr(at, "/100%)")))
		end = at++;
	if (!end)
		return -1;
	for (at = end; at > text && at[-1] != '('; at--)
		;
	percent = strtod(at, &rest);
	return rest == end && rest != at && percent >= 0 && percent <= 100 ? (int)(percent * 100) : -1;
}

void copy_begin(struct copy *copy)
{
	copy->begin = clock_steady();
	copy->said = 0;
}

int copy_progress(struct copy *copy, uint64_t bytes, struct failure *why)
{
	const struct disk_request *request = copy->request;
	uint64_t timeout = request->config->disk.copy_timeout;
	uint64_t now = clock_steady(), passed = now - copy->begin;
	struct cache_progress progress = {.total = copy->bytes, .transferred = bytes};
	char name[128], message[256];

	if (record_is_cancelled(request->record))
		return -ECANCELED;
	if (passed >= timeout * 1000)
		return failure_set(why, EXIT_NODE,
		                   "%s: not done within %" PRIu64
		                   " s: allow more time ([disk] copy_timeout), or use mode overlay",
		                   copy->task, timeout);
	if (passed < QUIET_MS || (copy->said && now - copy->said < SAY_MS))
		return 0;
	copy->said = now;
	progress.rate = bytes * 1000 / passed;
	(void)str_print(name, sizeof(name), "%s: %s", request->image->name, copy->doing);
	if (bytes > 0)
		cache_progress_text(&progress, name, message, sizeof(message));
	else
		(void)str_print(message, sizeof(message), "%s", name);
	(void)state_progress(request->record, "disk", message, timeout);
	return 0;
}

static void hear_out(struct heard *heard, int fd)
{
	char bytes[128];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		size_t used = strlen(heard->out), drop = 0;
		int hundredths;

		if (used + (size_t)n >= sizeof(heard->out))
			drop = used + (size_t)n - sizeof(heard->out) + 1;
		memmove(heard->out, heard->out + drop, used - drop);
		for (ssize_t i = 0; i < n; i++)
			heard->out[used - drop + (size_t)i] = bytes[i] ? bytes[i] : ' ';
		heard->out[used - drop + (size_t)n] = 0;
		hundredths = copy_percent(heard->out);
		heard->hundredths = hundredths < 0 ? heard->hundredths : hundredths;
	}
}

static void hear_err(struct heard *heard, int fd)
{
	char bytes[128];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n && heard->err_used + 1 < sizeof(heard->err); i++)
			heard->err[heard->err_used++] = bytes[i] ? bytes[i] : ' ';
}

/* So many hundredths of a per cent of bytes, and not less. */
static uint64_t copy_part(uint64_t bytes, int hundredths)
{
	uint64_t part = (uint64_t)((double)bytes / 10000 * hundredths);

	return hundredths > 0 && part < bytes ? part + 1 : part;
}

static uint64_t copy_done(const struct copy *copy, const struct heard *heard)
{
	struct stat st = {0};

	if (!copy->grows)
		return copy_part(copy->bytes, heard->hundredths);
	return fstat(*copy->grows, &st) == 0 && (uint64_t)st.st_blocks * 512 < copy->bytes
	               ? (uint64_t)st.st_blocks * 512
	               : copy->bytes;
}

/* Until it ends: its wait status, or what copy_progress() says, when it has been killed. */
static int copy_watch(struct copy *copy, pid_t pid, const int *fds, struct heard *heard, struct failure *why)
{
	int status = 0, rc = 0;
	pid_t ended = 0;

	while (ended == 0) {
		struct pollfd wait[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};

		/* what it closed, or a child of its keeps open, tells nothing of its end */
		if (poll(wait, 2, LOOK_MS) > 0 && ((wait[0].revents | wait[1].revents) & POLLIN) == 0)
			clock_nap(LOOK_MS / 10);
		hear_out(heard, fds[0]);
		hear_err(heard, fds[1]);
		ended = waitpid(pid, &status, WNOHANG);
		if (ended == 0)
			rc = copy_progress(copy, copy_done(copy, heard), why);
		if (rc < 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return rc;
		}
	}
	hear_err(heard, fds[1]);
	return ended < 0 ? -errno : status;
}

/* Two pipes into fds[4], whose ends to read are ours alone and do not block: the child writes when it can. */
static int copy_pipes(int *fds)
{
	if (pipe2(fds, O_CLOEXEC) < 0 || pipe2(fds + 2, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(fds[2], F_SETFL, O_NONBLOCK) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static void copy_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int copy_run(struct copy *copy, const struct child *child, struct failure *why)
{
	struct child spoken = *child;
	struct heard heard = {0};
	int fds[4] = {-1, -1, -1, -1};
	int status = copy_pipes(fds);

	if (status == 0) {
		spoken.out = fds[1];
		spoken.err = fds[3];
		status = (int)child_start(&spoken);
	}
	copy_close(&fds[1]);
	copy_close(&fds[3]);
	if (status > 0)
		status = copy_watch(copy, (pid_t)status, (const int[]){fds[0], fds[2]}, &heard, why);
	copy_close(&fds[0]);
	copy_close(&fds[2]);
	if (status == 0 || status == -ECANCELED || (status < 0 && why->code))
		return status;
	return child_failed(copy->task, status, heard.err, why);
}

int copy_image(struct copy *copy, int base, int target, uid_t user, gid_t group, uint64_t file_max, struct failure *why)
{
	const struct disk_request *request = copy->request;
	const struct image *image = request->image;
	static gid_t groups[NGROUPS_MAX];
	char from[PATH_MAX], to[32];
	const int fds[] = {target, base};
	char *const argv[] = {
	        "qemu-img", "convert", "-n", "--target-is-zero", "-p", "-f", (char *)image->format, "-O", "raw",
	        from,       to,        NULL};
	struct child child = {.program = request->config->qemu_img,
	                      .argv = argv,
	                      .uid = user,
	                      .gid = group,
	                      .hidden = true,
	                      .fds = fds,
	                      .fd_count = base < 0 ? 1 : 2,
	                      .file_max = file_max};

	(void)str_print(to, sizeof(to), "/proc/self/fd/%d", target);
	if (base < 0) {
		(void)str_print(from, sizeof(from), "%s", image->source);
		child.groups = groups;
		child.group_count = image_own_groups(request->record, groups);
	} else {
		(void)str_print(from, sizeof(from), "/proc/self/fd/%d", base);
	}
	return copy_run(copy, &child, why);
}
