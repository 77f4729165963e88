/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/links.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/command_names.h"
#include "common/str.h"
#include "guest/command.h"
#include "guest/log.h"

static bool need_path;

static bool is_ours(const char *path, const char *program)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = 0;
	return strcmp(target, program) == 0;
}

/* Returns false where the link could not be made. */
static bool link_one(const char *folder, const char *name, const char *program, bool wanted)
{
	char path[PATH_MAX];

	if (str_print(path, sizeof(path), "%s/%s", folder, name) < 0)
		return true;
	if (is_ours(path, program)) {
		if (!wanted)
			unlink(path);
		return true;
	}
	return !wanted || symlink(program, path) == 0 || errno == EEXIST;
}

void links_make(const char *names)
{
	const char *all = COMMAND_NAMES;
	char program[PATH_MAX], name[COMMAND_NAMES_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	need_path = false;
	if (length <= 0) {
		agent_log("Slurm's commands will not work: this program does not know its path");
		return;
	}
	program[length] = 0;
	mkdir("/run", 0755);
	mkdir("/run/wnodes", 0755);
	mkdir(COMMAND_FOLDER, 0755);
	while (command_names_next(&all, name)) {
		bool wanted = command_names_have(names, name);

		if (!link_one(COMMAND_FOLDER, name, program, wanted))
			agent_log("%s/%s cannot be made: %s", COMMAND_FOLDER, name, strerror(errno));
		if (!link_one("/usr/bin", name, program, wanted))
			need_path = true;
	}
}

bool links_need_path(void)
{
	return need_path;
}
