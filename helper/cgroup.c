/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/cgroup_mark.h"
#include "helper/cgroup_path.h"
#include "helper/fs.h"
#include "helper/journal.h"

#define MOUNTINFO_MAX (1U << 20)

char *cgroup_mountinfo(void)
{
	char *text = malloc(MOUNTINFO_MAX);

	if (text && fs_read(AT_FDCWD, "/proc/self/mountinfo", text, MOUNTINFO_MAX) < 0) {
		free(text);
		text = NULL;
	}
	return text;
}

static bool cgroup_is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The file that tells whether Slurm has suspended the job: of its extern step, under `freezer`. */
static void cgroup_note_freezer(const char *mountinfo, const struct cgroup_layout *layout, struct kv *kv)
{
	const char *file = layout->unified ? "user/cgroup.freeze" : "freezer.state";
	char relative[CGROUP_PATH], path[CGROUP_PATH];

	if (str_print(relative, sizeof(relative), "%s/step_extern/%s", layout->job, file) == 0 &&
	    cgroup_locate(mountinfo, layout->unified ? "unified" : "freezer", relative, path) == 0)
		(void)kv_set(kv, "freezer", path);
}

int cgroup_find(pid_t extern_pid, uint32_t job, uid_t uid, struct kv *kv, struct failure *why)
{
	struct cgroup_layout layout;
	char proc[32], key[CGROUP_NAME + 8], path[CGROUP_PATH], text[8192];
	char *mountinfo = NULL;
	unsigned int found = 0;
	int rc;

	(void)snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)extern_pid);
	rc = (int)fs_read(AT_FDCWD, proc, text, sizeof(text));
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "%s: %s", proc, strerror(-rc));
	rc = cgroup_layout(text, job, uid, &layout);
	if (rc == -ENOENT)
		return failure_set(why, EXIT_NODE,
		                   "Slurm gave the job no cgroup: slurm.conf needs TaskPlugin=task/cgroup, and "
		                   "cgroup.conf ConstrainCores or ConstrainRAMSpace");
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "process %d is not in a cgroup of job %" PRIu32, (int)extern_pid,
		                   job);
	mountinfo = cgroup_mountinfo();
	if (!mountinfo)
		return failure_set(why, EXIT_NODE, "/proc/self/mountinfo cannot be read");
	for (unsigned int i = 0; i < layout.count; i++) {
		if (cgroup_locate(mountinfo, layout.names[i], layout.job, path) < 0 || !cgroup_is_folder(path))
			continue;
		(void)str_print(key, sizeof(key), "cgroup.%s", layout.names[i]);
		if (kv_set(kv, key, path) == 0)
			found++;
	}
	cgroup_note_freezer(mountinfo, &layout, kv);
	free(mountinfo);
	if (found == 0)
		return failure_set(why, EXIT_NODE, "the job's cgroup %s is not mounted", layout.job);
	return 0;
}

/* A file of the job's folder of a hierarchy into text[size]; false where there is none. */
static bool cgroup_read(const char *folder, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];

	return folder && str_print(path, sizeof(path), "%s/%s", folder, file) == 0 &&
	       fs_read(AT_FDCWD, path, text, size) > 0;
}

unsigned int cgroup_cpus(const struct kv *kv)
{
	char text[4096];

	if (cgroup_read(kv_get(kv, "cgroup.cpuset"), "cpuset.cpus", text, sizeof(text)) ||
	    cgroup_read(kv_get(kv, "cgroup.unified"), "cpuset.cpus.effective", text, sizeof(text)))
		return cgroup_count_cpus(text);
	return 0;
}

void cgroup_note_cpus(struct kv *kv)
{
	char text[4096];

	if (!cgroup_read(kv_get(kv, "cgroup.cpuset"), "cpuset.cpus", text, sizeof(text)) &&
	    !cgroup_read(kv_get(kv, "cgroup.unified"), "cpuset.cpus.effective", text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = 0;
	if (cgroup_count_cpus(text) > 0)
		(void)kv_set(kv, "cpuset", text);
	if (!cgroup_read(kv_get(kv, "cgroup.cpuset"), "cpuset.mems", text, sizeof(text)) &&
	    !cgroup_read(kv_get(kv, "cgroup.unified"), "cpuset.mems.effective", text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = 0;
	if (cgroup_count_cpus(text) > 0)
		(void)kv_set(kv, "cpuset_mems", text);
}

uint64_t cgroup_memory(const struct kv *kv)
{
	static const char key[] = "hierarchical_memory_limit ";
	char text[8192];
	char path[CGROUP_PATH];
	uint64_t limit = UINT64_MAX;
	uint64_t number;
	const char *found;

	if (cgroup_read(kv_get(kv, "cgroup.memory"), "memory.stat", text, sizeof(text))) {
		found = strstr(text, key);
		if (found)
			limit = strtoull(found + strlen(key), NULL, 10);
		return limit;
	}
	if (!kv_get(kv, "cgroup.unified") || str_print(path, sizeof(path), "%s", kv_get(kv, "cgroup.unified")) < 0)
		return limit;
	/* the tightest of the job's and those above it */
	do {
		if (!cgroup_read(path, "memory.max", text, sizeof(text)))
			continue;
		text[strcspn(text, "\n")] = 0;
		if (str_u64(text, 0, UINT64_MAX, &number) == 0 && number < limit)
			limit = number;
	} while (cgroup_up(path, ""));
	return limit;
}

/* A v1 cpuset must have CPUs and memory nodes before a process may enter it. */
static int cgroup_copy_cpuset(int job, int vm)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char text[4096];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		rc = (int)fs_read(job, files[i], text, sizeof(text));
		if (rc >= 0)
			rc = fs_write(vm, files[i], text);
	}
	return rc;
}

static int cgroup_enter_one(const struct record *record, const char *name, const char *job_path)
{
	char line[CGROUP_PATH + CGROUP_NAME];
	int job = -1, vm = -1;
	int rc = str_print(line, sizeof(line), "%s %s/vm", name, job_path);

	if (rc == 0)
		rc = journal_append(record->dirfd, "cgroup", line);
	if (rc < 0)
		return rc;
	job = open(job_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (job < 0)
		return -errno;
	/* one that a user made here first is refused: fs_open_child wants root's */
	vm = rc = fs_open_child(job, "vm", true, 0755);
	if (rc >= 0)
		rc = cgroup_mark(vm, &record->id);
	if (rc >= 0 && strcmp(name, "cpuset") == 0)
		rc = cgroup_copy_cpuset(job, vm);
	if (rc >= 0)
		rc = fs_write(vm, "cgroup.procs", "0");
	if (vm >= 0)
		close(vm);
	close(job);
	return rc;
}

/* Slurm kills and freezes by its freezer's folders: a machine is in none of them. */
static int cgroup_leave_freezer(void)
{
	char path[CGROUP_PATH];
	char *mountinfo = cgroup_mountinfo();
	int rc = mountinfo ? cgroup_locate(mountinfo, "freezer", "/", path) : -ENOMEM;
	int fd;

	free(mountinfo);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fs_write(fd, "cgroup.procs", "0");
	close(fd);
	return rc;
}

int cgroup_enter(const struct record *record, struct failure *why)
{
	unsigned int entered = 0;
	cpu_set_t all;
	int rc = 0;

	for (size_t i = 0; i < record->kv.count; i++) {
		const struct kv_pair *pair = &record->kv.pairs[i];

		if (strncmp(pair->key, "cgroup.", 7) != 0)
			continue;
		rc = cgroup_enter_one(record, pair->key + 7, pair->value);
		if (rc < 0)
			return failure_set(why, EXIT_NODE, "cannot enter the cgroup %s/vm: %s", pair->value,
			                   strerror(-rc));
		entered++;
	}
	if (entered == 0)
		return failure_set(why, EXIT_NODE, "the record names no cgroup");
	if (!kv_get(&record->kv, "cgroup.unified"))
		rc = cgroup_leave_freezer();
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot leave the freezer cgroup: %s", strerror(-rc));
	/* the caller's own narrower affinity is no limit of the job's; the cpuset is */
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
	return 0;
}

int cgroup_set_add(struct cgroup_set *set, const char *path)
{
	char **paths;

	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->paths[i], path) == 0)
			return 0;
	paths = reallocarray(set->paths, set->count + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	set->paths = paths;
	paths[set->count] = strdup(path);
	if (!paths[set->count])
		return -ENOMEM;
	set->count++;
	return 0;
}

void cgroup_set_free(struct cgroup_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->paths[i]);
	free(set->paths);
	*set = (struct cgroup_set){0};
}

/* rmdir, waiting briefly: the kernel lets go of the last process a moment after it is gone. */
static int cgroup_rmdir(const char *path)
{
	uint64_t deadline = clock_steady() + 2000;

	while (rmdir(path) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_steady() >= deadline)
			return -errno;
		clock_nap(5);
	}
	return 0;
}

/* Slurm locks the hierarchy's root (v1) or its scope (v2) while it makes and removes jobs' folders. */
static int cgroup_lock(const char *name, const char *job_path)
{
	char path[CGROUP_PATH];
	char *mountinfo = NULL;
	int rc, fd;

	if (strcmp(name, "unified") == 0) {
		rc = str_print(path, sizeof(path), "%s", job_path);
		if (rc == 0 && !cgroup_up(path, ""))
			rc = -EINVAL;
	} else {
		mountinfo = cgroup_mountinfo();
		rc = mountinfo ? cgroup_locate(mountinfo, name, "/", path) : -ENOMEM;
		free(mountinfo);
	}
	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fs_lock(fd, 3000);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int cgroup_remove(const char *argument)
{
	char name[CGROUP_NAME];
	char path[CGROUP_PATH];
	const char *space = strchr(argument, ' ');
	bool unified;
	int lock, rc;

	if (!space || str_print(name, sizeof(name), "%.*s", (int)(space - argument), argument) < 0 ||
	    !str_is_path(space + 1) || str_print(path, sizeof(path), "%s", space + 1) < 0)
		return -EINVAL;
	unified = strcmp(name, "unified") == 0;
	rc = cgroup_rmdir(path);
	if (rc < 0)
		return rc;
	if (!cgroup_up(path, "vm"))
		return -EINVAL;
	lock = cgroup_lock(name, path);
	if (lock < 0)
		return 0; /* Slurm is busy there: what is empty is its own to remove */
	/* not empty is no error: other steps, other jobs */
	if (rmdir(path) == 0 && !unified && cgroup_up(path, "job_"))
		(void)rmdir(path);
	close(lock);
	return 0;
}
