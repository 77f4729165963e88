/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/home.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/log.h"

#define NO_HOME "/nonexistent"

/* The folders above path. Returns 0 or -errno. */
static int make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

void home_make(const struct job *job)
{
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if (!job->home || job->home[0] != '/' || strncmp(job->home, NO_HOME, strlen(NO_HOME)) == 0 ||
	    stat(job->home, &st) == 0)
		return;
	rc = str_print(path, sizeof(path), "%s", job->home);
	if (rc == 0)
		rc = make_parents(path);
	if (rc == 0 && (mkdir(path, 0700) < 0 || chown(path, job->uid, job->gid) < 0))
		rc = -errno;
	if (rc < 0)
		agent_log("the home %s cannot be made: %s", job->home, strerror(-rc));
}
