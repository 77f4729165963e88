/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/disk/base.h"

#define LOOK_MS 15000 /* a file server that is gone may take for ever */
#define REAP_MS 100
#define SOCKET 3 /* the child's only descriptor */

/* What the child says: trusted no more than its user. */
struct look {
	int32_t error; /* of open(2), positive */
	uint64_t file, disk;
	struct failure why; /* code is 0 where all is well */
};

bool image_is_own(const char *text)
{
	return text[0] == '/';
}

static const char *format_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot && dot[-1] != '/' && strcmp(dot, ".qcow2") == 0)
		return "qcow2";
	return dot && dot[-1] != '/' && strcmp(dot, ".raw") == 0 ? "raw" : NULL;
}

/* The machine description and libvirt's XML want text. */
static bool is_plain(const char *path)
{
	for (; *path; path++)
		if (*path < 0x20 || *path > 0x7e)
			return false;
	return true;
}

int image_own(struct image *image, const struct config *config, const char *path, struct failure *why)
{
	const char *format = format_of(path);
	const char *name = strrchr(path, '/');

	image_init(image);
	image->own = true;
	image->cloud_init = strcmp(config->user_images_agent, "cloud-init") == 0;
	if (!str_is_path(path) || !is_plain(path))
		return failure_set(why, EXIT_USAGE, "--vm=%.200s: not a plain absolute path without '.' and '..' parts",
		                   path);
	if (!format)
		return failure_set(why, EXIT_USAGE, "--vm=%.200s: an image's file is called *.qcow2 or *.raw", path);
	(void)str_print(image->format, sizeof(image->format), "%s", format);
	(void)str_print(image->source, sizeof(image->source), "%s", path);
	(void)str_print(image->name, sizeof(image->name), "%.60s", name + 1);
	(void)str_print(image->commands, sizeof(image->commands), "%s", config->user_commands);
	return 0;
}

size_t image_own_groups(const struct record *record, gid_t *gids)
{
	const char *text = kv_get(&record->kv, "groups");
	size_t count = 0;

	while (text && *text && count < NGROUPS_MAX) {
		gids[count++] = (gid_t)strtoul(text, NULL, 10);
		text = strchr(text, ',');
		text += text != NULL;
	}
	return count;
}

static void look_at(const struct image *image, struct look *look)
{
	struct stat st;
	int fd = open(image->source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		look->error = errno;
		return;
	}
	if (S_ISREG(st.st_mode)) {
		look->file = (uint64_t)st.st_size;
		(void)base_size(fd, image->source, strcmp(image->format, "qcow2") == 0, &look->disk, &look->why);
	} else {
		(void)failure_set(&look->why, EXIT_NODE, "%.200s is not a regular file", image->source);
	}
	close(fd);
}

struct looker {
	const struct image *image;
	int socket;
};

/* The child. It keeps nothing of root's open: it may hang in a file system, and locks would with it. */
static int look_work(void *context)
{
	const struct looker *looker = context;
	struct look look = {0};

	if (dup2(looker->socket, SOCKET) < 0)
		return 1;
	for (int fd = SOCKET + 1; syscall(SYS_close_range, (unsigned int)fd, ~0U, 0U) < 0 && fd < 1024; fd++)
		close(fd);
	look_at(looker->image, &look);
	return send(SOCKET, &look, sizeof(look), MSG_NOSIGNAL) < 0;
}

/* Its pid, or a negative errno. */
static pid_t look_start(const struct record *record, struct looker *looker)
{
	static gid_t groups[NGROUPS_MAX];
	struct child child = {.work = look_work, .context = looker, .groups = groups, .out = -1, .err = -1};
	int rc = record_owner(record, &child.uid, &child.gid);

	if (rc < 0)
		return rc;
	child.group_count = image_own_groups(record, groups);
	return child_start(&child);
}

/* The child's answer; 0, or a negative errno. */
static int listen_to(int socket, struct look *look)
{
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	uint64_t deadline = clock_steady() + LOOK_MS;

	for (uint64_t now = clock_steady(); now < deadline; now = clock_steady()) {
		if (poll(&wait, 1, (int)(deadline - now)) <= 0)
			continue;
		if (recv(socket, look, sizeof(*look), MSG_DONTWAIT) != (ssize_t)sizeof(*look))
			return -ECHILD;
		look->why.message[FAILURE_TEXT - 1] = 0;
		return 0;
	}
	return -ETIMEDOUT;
}

static int look(const struct image *image, const struct record *record, struct look *found)
{
	struct looker looker = {.image = image};
	int pair[2], rc;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	looker.socket = pair[1];
	child = look_start(record, &looker);
	close(pair[1]);
	rc = child < 0 ? child : listen_to(pair[0], found);
	close(pair[0]);
	if (child > 0) {
		(void)kill(child, SIGKILL);
		for (int i = 0; i < REAP_MS && waitpid(child, NULL, WNOHANG) == 0; i++)
			clock_nap(1);
	}
	return rc;
}

static bool is_users_fault(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM || error == ELOOP ||
	       error == ENAMETOOLONG || error == ENXIO;
}

int image_own_size(const struct image *image, const struct record *record, uint64_t *file, uint64_t *disk,
                   struct failure *why)
{
	struct look found = {0};
	int rc = look(image, record, &found);

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "--vm=%.200s: %s", image->source,
		                   rc == -ETIMEDOUT ? "the node's file system does not answer" : strerror(-rc));
	if (found.error)
		return failure_set(why, is_users_fault(found.error) ? EXIT_USAGE : EXIT_NODE, "--vm=%.200s: %s",
		                   image->source, strerror(found.error));
	if (found.why.code)
		return failure_set(why, EXIT_USAGE, "--vm: %.400s", found.why.message);
	*file = found.file;
	*disk = found.disk;
	return 0;
}
