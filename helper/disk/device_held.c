/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a device open. A guest that broke out of its QEMU may have handed
 * the descriptor of its disk to another process of its user's, who would then
 * read and write the disk of the next job.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"
#include "helper/disk/device.h"
#include "helper/fs.h"

#define LOOK_MS 5000U
#define TRIES 3U
#define AGAIN_MS 200U
#define RING_TRIES 50U /* its owner has it locked for a moment now and then */
#define RING_AGAIN_MS 2U

struct look {
	dev_t number;
	uint64_t deadline;
	int process;
	bool is_roots;   /* the process: it cannot be a user's accomplice */
	bool has_memory; /* a mapping of it has been seen */
	bool held;
	const char *how;
};

/* Call each for the names in the folder but those with a dot, until it says that it is held. */
static void look_folder(struct look *look, int dirfd, const char *name,
                        void (*each)(struct look *look, int dirfd, const char *name))
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!folder && fd >= 0)
		close(fd);
	while (folder && !look->held && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		each(look, fd, entry->d_name);
		if (!look->held && clock_steady() >= look->deadline) {
			look->held = true;
			look->how = "cannot be looked at in time (it has very many descriptors)";
		}
	}
	if (folder)
		closedir(folder);
}

/* What a link of /proc leads to; no file server is asked. */
static bool look_at(const struct look *look, int dirfd, const char *name, mode_t *type)
{
	struct statx stx;

	*type = 0;
	if (statx(dirfd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) < 0)
		return false;
	*type = stx.stx_mode & S_IFMT;
	return *type == S_IFBLK && makedev(stx.stx_rdev_major, stx.stx_rdev_minor) == look->number;
}

/* The descriptor's fdinfo; NULL where it has been closed. */
static FILE *open_info(int dirfd, const char *name)
{
	char path[64];
	int fd = str_print(path, sizeof(path), "../fdinfo/%.20s", name) < 0 ? -1
	                                                                    : openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

/* Whether descriptors are under way in the socket. */
static bool look_in_socket(int dirfd, const char *name)
{
	static const char begin[] = "scm_fds:";
	FILE *stream = open_info(dirfd, name);
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (stream && !found && getline(&line, &size, stream) > 0)
		found = strncmp(line, begin, strlen(begin)) == 0 && strtoul(line + strlen(begin), NULL, 10) > 0;
	free(line);
	if (stream)
		(void)fclose(stream);
	return found;
}

/* Whether the ring names the node among its files: 1 or 0; -1 where it is locked, and does not say. */
static int ring_has_node(FILE *stream)
{
	static const char begin[] = "UserFiles:";
	unsigned long files = 1, listed = 0;
	char *line = NULL;
	size_t size = 0;
	bool is_file = false, found = false;

	while (!found && getline(&line, &size, stream) > 0) {
		found = strstr(line, DEVICE_NODE_NAME) != NULL;
		is_file = is_file && line[0] == ' ';
		listed += is_file;
		if (strncmp(line, begin, strlen(begin)) == 0) {
			files = strtoul(line + strlen(begin), NULL, 10);
			is_file = true;
		}
	}
	free(line);
	return found ? 1 : files == 0 || listed > 0 ? 0 : -1;
}

/* One that stays locked may hide what it has. */
static bool look_in_ring(int dirfd, const char *name)
{
	int rc = -1;

	for (unsigned int i = 0; rc < 0 && i < RING_TRIES; i++) {
		FILE *stream;

		if (i > 0)
			clock_nap(RING_AGAIN_MS);
		stream = open_info(dirfd, name);
		rc = stream ? ring_has_node(stream) : 0;
		if (stream)
			(void)fclose(stream);
	}
	return rc != 0;
}

static void look_at_descriptor(struct look *look, int dirfd, const char *name)
{
	char target[64] = "";
	mode_t type;

	if (look_at(look, dirfd, name, &type)) {
		look->held = true;
		look->how = "has it open";
	} else if (look->is_roots) {
		return;
	} else if (type == S_IFSOCK) {
		look->held = look_in_socket(dirfd, name);
		look->how = "has descriptors under way in a socket";
	} else if ((type == 0 || type == S_IFREG) && readlinkat(dirfd, name, target, sizeof(target) - 1) > 0 &&
	           strcmp(target, "anon_inode:[io_uring]") == 0) {
		look->held = look_in_ring(dirfd, name);
		look->how = "has registered it with an io_uring, or may have";
	}
}

static void look_at_mapping(struct look *look, int dirfd, const char *name)
{
	mode_t type;

	look->has_memory = true;
	look->held = look_at(look, dirfd, name, &type);
	look->how = "has it mapped";
}

/* Of a process whose first thread has ended only the other threads show the memory. */
static void look_at_memory(struct look *look, int dirfd, const char *name)
{
	char path[64];

	if (!look->has_memory && str_print(path, sizeof(path), "../../%.20s/map_files", name) == 0)
		look_folder(look, dirfd, path, look_at_mapping);
}

/* Threads need not have their descriptors in common. */
static void look_at_thread(struct look *look, int dirfd, const char *name)
{
	char path[64];

	if (str_print(path, sizeof(path), "%.20s/fd", name) == 0)
		look_folder(look, dirfd, path, look_at_descriptor);
}

static bool is_roots(int proc, const char *name)
{
	char path[64], text[4096];
	const char *line;

	if (str_print(path, sizeof(path), "%.20s/status", name) < 0 || fs_read(proc, path, text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "\nUid:");
	return line && strncmp(line, "\nUid:\t0\t0\t0\t0\n", 14) == 0;
}

static void look_at_process(struct look *look, int proc, const char *name)
{
	char path[64];

	if (strspn(name, "0123456789") != strlen(name) || atoi(name) == getpid())
		return;
	look->process = atoi(name);
	look->is_roots = is_roots(proc, name);
	(void)str_print(path, sizeof(path), "%.20s/task", name);
	look_folder(look, proc, path, look_at_thread);
	look->has_memory = false;
	if (!look->held && !look->is_roots)
		look_folder(look, proc, path, look_at_memory);
}

bool device_is_held(const struct device *device, char *why)
{
	struct look look = {.number = device->number, .deadline = clock_steady() + LOOK_MS};

	/* a descriptor in a socket is there for a moment, as a rule */
	for (unsigned int i = 0; i < TRIES && (i == 0 || look.held); i++) {
		if (i > 0)
			clock_nap(AGAIN_MS);
		look.held = false;
		look_folder(&look, AT_FDCWD, "/proc", look_at_process);
	}
	if (look.held)
		(void)str_print(why, DEVICE_WHY_MAX, "process %d %s", look.process, look.how);
	return look.held;
}
