/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/redirect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/pattern.h"
#include "guest/report.h"

#define NUMBER_MAX UINT32_MAX

/* Of a record: a file that has been emptied. */
struct emptied {
	uint64_t device, inode;
};

static bool empties(const struct spec *spec)
{
	for (size_t i = 0; i < spec->file_count; i++)
		if (spec->files[i].streams != TERMINAL_STDIN &&
		    !(spec->files[i].flags & (TASK_FILE_APPEND | TASK_FILE_ONE)))
			return true;
	return false;
}

int redirect_begin(const struct leader *leader)
{
	const char *step = spec_getenv(leader->spec, "SLURM_STEP_ID");
	char path[sizeof(REDIRECT_FOLDER) + 24];
	uint64_t number;

	if (!empties(leader->spec) || !step || str_u64(step, 0, NUMBER_MAX, &number) < 0)
		return -1;
	(void)mkdir("/run", 0755);
	(void)mkdir("/run/wnodes", 0755);
	(void)mkdir(REDIRECT_FOLDER, 0700);
	if (str_print(path, sizeof(path), REDIRECT_FOLDER "/%u", (unsigned int)number) < 0)
		return -1;
	return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void redirect_forget(void)
{
	DIR *folder = opendir(REDIRECT_FOLDER);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
}

/* Whether the step's tasks have emptied the file before; from now on they have. */
static bool was_emptied(int record, const struct stat *st)
{
	struct emptied this = {st->st_dev, st->st_ino}, other;

	(void)lseek(record, 0, SEEK_SET);
	while (read(record, &other, sizeof(other)) == (ssize_t)sizeof(other))
		if (memcmp(&other, &this, sizeof(this)) == 0)
			return true;
	(void)!write(record, &this, sizeof(this));
	return false;
}

/* Returns 0 or -errno. */
static int empty(int fd, int record)
{
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	while (record >= 0 && flock(record, LOCK_EX) < 0 && errno == EINTR)
		;
	if ((record < 0 || !was_emptied(record, &st)) && ftruncate(fd, 0) < 0)
		rc = -errno;
	if (record >= 0)
		(void)flock(record, LOCK_UN);
	return rc;
}

static const char *lookup(const void *context, const char *variable)
{
	const struct leader *leader = context;

	return strcmp(variable, "USER") == 0 ? leader->job->user : spec_getenv(leader->spec, variable);
}

static bool is_other(const struct leader *leader, const struct task_file *file)
{
	const char *rank = spec_getenv(leader->spec, "SLURM_PROCID");
	uint64_t own, one;

	return !rank || str_u64(rank, 0, NUMBER_MAX, &own) < 0 || str_u64(file->name, 0, NUMBER_MAX, &one) < 0 ||
	       own != one;
}

/* A descriptor, or -errno with path. */
static int open_file(const struct leader *leader, const struct task_file *file, int record, char path[PATH_MAX])
{
	bool input = file->streams == TERMINAL_STDIN;
	int fd, rc;

	if (file->flags & TASK_FILE_ONE)
		rc = str_print(path, PATH_MAX, "/dev/null");
	else
		rc = pattern_expand(file->name, lookup, leader, path, PATH_MAX);
	if (rc < 0)
		return rc;
	fd = open(path, (input ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND) | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return -errno;
	rc = input || (file->flags & (TASK_FILE_APPEND | TASK_FILE_ONE)) ? 0 : empty(fd, record);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int redirect(const struct leader *leader, const struct task_file *file, int record)
{
	static const char *const options[] = {"input", "output", "error"};
	char path[PATH_MAX] = "";
	int fd, first = 0, rc = 0;

	if ((file->flags & TASK_FILE_ONE) && !is_other(leader, file))
		return 0;
	while (first < 2 && !(file->streams & 1U << first))
		first++;
	fd = open_file(leader, file, record, path);
	for (int i = 0; i < 3 && fd >= 0 && rc >= 0; i++)
		if (file->streams & 1U << i)
			rc = dup2(fd, i) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	rc = fd < 0 ? fd : rc;
	if (rc < 0)
		report_note(leader->report, 1, "srun: --%s=%.600s: %s", options[first], path[0] ? path : file->name,
		            strerror(-rc));
	return rc < 0 ? -1 : 0;
}

int redirect_open(const struct leader *leader, int record)
{
	int rc = 0;

	for (size_t i = 0; i < leader->spec->file_count && rc == 0; i++)
		rc = redirect(leader, &leader->spec->files[i], record);
	if (record >= 0)
		close(record);
	return rc;
}
