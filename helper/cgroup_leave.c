/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that is nobody's job stands in no job's cgroup, and in no user's. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cgroup.h"
#include "helper/cgroup_mark.h"
#include "helper/cgroup_path.h"
#include "helper/fs.h"

/* Slurm's folders of jobs, and what else slurmstepd makes for them under v2. */
static bool cgroup_is_of_a_job(const char *path)
{
	return strstr(path, "/job_") || strstr(path, "slurmstepd.scope");
}

/* systemd's folders of sessions, which limit, and which their user may freeze and kill where they are his. */
static bool cgroup_is_of_a_session(const char *path)
{
	return strstr(path, "/user.slice/");
}

static int cgroup_go_to_root(const char *mountinfo, const char *name, const char *process)
{
	char path[CGROUP_PATH];
	int rc = cgroup_locate(mountinfo, name, "/", path);
	int fd;

	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fs_write(fd, "cgroup.procs", process);
	close(fd);
	return rc;
}

/* process: "0" is the calling one, whose own groups say which there are. */
static int cgroup_leave(const char *process)
{
	char text[8192];
	char *save = NULL;
	char *mountinfo = cgroup_mountinfo();
	int rc = mountinfo ? (int)fs_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) : -ENOMEM;

	for (char *line = rc < 0 ? NULL : strtok_r(text, "\n", &save); line && rc >= 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char *name = strchr(line, ':');
		char *path = name ? strchr(name + 1, ':') : NULL;

		/* systemd's own hierarchy has no controller: nothing there is limited or ends with a job */
		if (!path || strncmp(++name, "name=", 5) == 0 ||
		    !(cgroup_is_of_a_job(path) || cgroup_is_of_a_session(path)))
			continue;
		name[strcspn(name, ",:")] = 0;
		rc = cgroup_go_to_root(mountinfo, *name ? name : "unified", process);
	}
	free(mountinfo);
	return rc < 0 ? rc : 0;
}

int cgroup_leave_child(pid_t pid)
{
	char process[16];

	(void)snprintf(process, sizeof(process), "%d", (int)pid);
	return cgroup_leave(process);
}

int cgroup_leave_jobs(void)
{
	int rc = cgroup_leave("0");
	cpu_set_t all;

	if (rc < 0)
		return rc;
	/* nor is the job's affinity ours */
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
	return 0;
}
