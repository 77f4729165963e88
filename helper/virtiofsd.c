/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/virtiofsd.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/child.h"
#include "helper/fs.h"

#define ANSWER_MS 5000U
#define ANSWER_MAX 256U /* bytes */

bool virtiofsd_is_usable(const char *text)
{
	unsigned int minor;
	char dot;

	/* 1.13 brought --translate-uid; the one in C says "virtiofsd version 7.2.0" */
	return sscanf(text, "virtiofsd 1.%4u%c", &minor, &dot) == 2 && dot == '.' && minor >= 13;
}

/* Whether program is root's and answers as it should; why not in *problem. */
static bool is_usable(const char *program, uid_t uid, gid_t gid, const char **problem)
{
	char *const argv[] = {(char *)program, "--version", NULL};
	const struct child child = {.program = program, .argv = argv, .uid = uid, .gid = gid, .file_max = 1};
	char text[ANSWER_MAX];
	int rc = child_ask(&child, false, text, sizeof(text), clock_steady() + ANSWER_MS);

	*problem = rc < 0 ? fs_error(rc) : "it is no virtiofsd 1.13 or later (the one in Rust)";
	return rc >= 0 && virtiofsd_is_usable(text);
}

int virtiofsd_choose(const struct config *config, uid_t uid, gid_t gid, struct kv *kv, struct failure *why)
{
	const char *problem = NULL;

	if (!kv_get(kv, "mount.0.source") || config->mount_transport == MOUNT_TRANSPORT_9P)
		return 0;
	if (is_usable(config->virtiofsd, uid, gid, &problem))
		return kv_set(kv, "virtiofsd", config->virtiofsd) < 0 ? failure_set(why, EXIT_NODE, "out of memory")
		                                                      : 0;
	if (config->mount_transport == MOUNT_TRANSPORT_AUTO)
		return 0;
	return failure_set(why, EXIT_NODE, "wnodes.conf says mount_transport = virtiofs, but %.200s: %s",
	                   config->virtiofsd, problem);
}
