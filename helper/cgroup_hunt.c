/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/cgroup_mark.h"
#include "helper/cgroup_path.h"

#define MARK "trusted.wnodes"
#define HUNT_DEPTH 8U

/* "STATEDIR NODE JOB": two installations on one host do not take each other's. */
int cgroup_mark(int fd, const struct record_id *id)
{
	char mark[CGROUP_PATH];
	int rc = str_print(mark, sizeof(mark), WNODES_STATEDIR " %s %" PRIu32, id->node, id->job);

	if (rc == 0 && fsetxattr(fd, MARK, mark, strlen(mark), 0) < 0 && errno != EOPNOTSUPP)
		rc = -errno;
	return rc;
}

/* Whether fd bears our mark; then whose it is. */
static bool hunt_is_ours(int fd, struct record_id *id)
{
	static const char prefix[] = WNODES_STATEDIR " ";
	char mark[CGROUP_PATH];
	ssize_t n = fgetxattr(fd, MARK, mark, sizeof(mark) - 1);
	uint64_t job;
	char *space;

	if (n < 0)
		return false;
	mark[n] = 0;
	if (strncmp(mark, prefix, strlen(prefix)) != 0)
		return false;
	space = strrchr(mark, ' ');
	*space = 0;
	if (strlen(mark) <= strlen(prefix) || !str_is_name(mark + strlen(prefix)) ||
	    str_u64(space + 1, 1, RECORD_JOB_MAX, &job) < 0)
		return false;
	(void)str_print(id->node, sizeof(id->node), "%s", mark + strlen(prefix));
	id->job = (uint32_t)job;
	return true;
}

struct hunt {
	cgroup_found *found;
	void *context;
	const char *name;
	char path[CGROUP_PATH]; /* of the folder being looked at */
	int rc;
};

static void hunt_folder(struct hunt *hunt, int fd, unsigned int depth);

static void hunt_child(struct hunt *hunt, int parent, const char *name, unsigned int depth)
{
	size_t length = strlen(hunt->path);
	struct record_id id = {0};
	struct stat st;
	int fd, rc;

	if (str_print(hunt->path + length, sizeof(hunt->path) - length, "/%s", name) < 0)
		return;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* below a user's folder nothing is root's */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != 0) {
		if (fd >= 0)
			close(fd);
	} else if (strcmp(name, "vm") == 0 && hunt_is_ours(fd, &id)) {
		close(fd);
		rc = hunt->found(hunt->context, hunt->name, hunt->path, id.node, id.job);
		if (rc < 0 && hunt->rc == 0)
			hunt->rc = rc;
	} else {
		hunt_folder(hunt, fd, depth + 1);
	}
	hunt->path[length] = 0;
}

/* Look through the folder fd, which is closed. */
static void hunt_folder(struct hunt *hunt, int fd, unsigned int depth)
{
	DIR *folder = depth > HUNT_DEPTH ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!folder) {
		close(fd);
		return;
	}
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			hunt_child(hunt, fd, entry->d_name, depth);
	closedir(folder);
}

static int hunt_hierarchy(struct hunt *hunt, const char *mountinfo, const char *name)
{
	int fd;

	if (cgroup_locate(mountinfo, name, "/", hunt->path) < 0)
		return 0;
	fd = open(hunt->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	hunt->name = name;
	hunt_folder(hunt, fd, 0);
	return 0;
}

int cgroup_hunt(cgroup_found *found, void *context)
{
	struct hunt hunt = {.found = found, .context = context};
	static const char *const names[] = {"unified", "memory",  "cpuset",     "cpu",     "cpuacct", "devices", "pids",
	                                    "blkio",   "net_cls", "perf_event", "hugetlb", "rdma",    "misc"};
	char *mountinfo = cgroup_mountinfo();
	int rc = 0;

	if (!mountinfo)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int error = hunt_hierarchy(&hunt, mountinfo, names[i]);

		if (rc == 0)
			rc = error;
	}
	free(mountinfo);
	return rc < 0 ? rc : hunt.rc;
}
