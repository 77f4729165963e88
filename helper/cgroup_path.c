/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/cgroup_path.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/range.h"
#include "common/str.h"

/* "s" and 13 digits of Crockford's base 32: how 26.05 names a job. */
static bool cgroup_is_sluid(const char *part, size_t length)
{
	if (length != 14 || part[0] != 's')
		return false;
	for (size_t i = 1; i < length; i++)
		if (!isdigit((unsigned char)part[i]) && !isupper((unsigned char)part[i]))
			return false;
	return true;
}

/* Where the part that begins with prefix ends in path, whole where exact; NULL where there is none. */
static const char *cgroup_part(const char *path, const char *prefix, bool exact)
{
	size_t length = strlen(prefix);

	for (const char *part = path; part; part = strchr(part, '/')) {
		const char *end;

		part++;
		if (strncmp(part, prefix, length) != 0)
			continue;
		end = part + strcspn(part, "/");
		if (!exact || (size_t)(end - part) == length)
			return end;
	}
	return NULL;
}

/* v1: …/uid_U/job_J, wherever below it the process is. */
static int cgroup_job_v1(const char *path, uint32_t job, uid_t uid, char *out)
{
	char wanted[64];
	const char *found;
	size_t length;

	if (!cgroup_part(path, "job_", false))
		return -ENOENT;
	(void)snprintf(wanted, sizeof(wanted), "/uid_%" PRIu32 "/job_%" PRIu32, uid, job);
	length = strlen(wanted);
	found = strstr(path, wanted);
	if (!found || found == path || (found[length] != 0 && found[length] != '/'))
		return -EINVAL;
	return str_print(out, CGROUP_PATH, "%.*s", (int)(found + (ptrdiff_t)length - path), path);
}

/* v2: what lies above step_extern, if it is the job's by number or an SLUID. */
static int cgroup_job_v2(const char *path, uint32_t job, char *out)
{
	char wanted[32];
	const char *end = cgroup_part(path, "step_extern", true);
	const char *last;
	int rc;

	if (!end)
		return -ENOENT;
	rc = str_print(out, CGROUP_PATH, "%.*s", (int)(end - path - (ptrdiff_t)strlen("/step_extern")), path);
	if (rc < 0)
		return rc;
	last = strrchr(out, '/');
	if (!last || last == out)
		return -EINVAL;
	(void)snprintf(wanted, sizeof(wanted), "job_%" PRIu32, job);
	return strcmp(last + 1, wanted) == 0 || cgroup_is_sluid(last + 1, strlen(last + 1)) ? 0 : -EINVAL;
}

/* One line, ID:CONTROLLERS:PATH, taken apart in place; false where it is none. */
static bool cgroup_line(char *line, char **controllers, char **path)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return false;
	*controllers = colon + 1;
	*path = strchr(*controllers, ':');
	if (!*path)
		return false;
	*(*path)++ = 0;
	return **path == '/';
}

/* How good a hierarchy is to take the job's folder from; lower is better. */
static int cgroup_rank(const char *name)
{
	if (strcmp(name, "memory") == 0)
		return 0;
	return strcmp(name, "cpuset") == 0 ? 1 : 2;
}

/* Note a v1 hierarchy, and its job's folder if it is the best so far. */
static int cgroup_note_v1(struct cgroup_layout *layout, char *controllers, const char *path, uint32_t job, uid_t uid,
                          int *best)
{
	char found[CGROUP_PATH];
	int rc;

	controllers[strcspn(controllers, ",")] = 0;
	if (strncmp(controllers, "name=", 5) == 0 || strcmp(controllers, "freezer") == 0 ||
	    layout->count == CGROUP_MAX || strlen(controllers) >= CGROUP_NAME)
		return 0;
	memcpy(layout->names[layout->count++], controllers, strlen(controllers) + 1);
	rc = cgroup_job_v1(path, job, uid, found);
	if (rc == 0 && cgroup_rank(controllers) < *best) {
		*best = cgroup_rank(controllers);
		memcpy(layout->job, found, strlen(found) + 1);
	}
	return rc == -ENOENT ? 0 : rc;
}

int cgroup_layout(const char *proc_text, uint32_t job, uid_t uid, struct cgroup_layout *layout)
{
	char *copy = strdup(proc_text);
	char *save = NULL;
	int best = INT_MAX;
	int rc = copy ? 0 : -ENOMEM;

	*layout = (struct cgroup_layout){0};
	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && rc == 0 && !layout->unified;
	     line = strtok_r(NULL, "\n", &save)) {
		char *controllers, *path;

		if (!cgroup_line(line, &controllers, &path))
			continue;
		if (*controllers) {
			rc = cgroup_note_v1(layout, controllers, path, job, uid, &best);
			continue;
		}
		rc = cgroup_job_v2(path, job, layout->job);
		layout->unified = rc == 0;
		if (rc == -ENOENT)
			rc = 0; /* hybrid: Slurm uses v1 */
	}
	free(copy);
	if (rc == 0 && layout->unified) {
		memcpy(layout->names[0], "unified", sizeof("unified"));
		layout->count = 1;
	}
	if (rc == 0 && !layout->unified && best == INT_MAX)
		rc = -ENOENT;
	return rc;
}

/* Whether word is one of those that commas separate in options. */
static bool cgroup_has_option(const char *options, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, word, length) == 0 && (p[length] == 0 || p[length] == ','))
			return true;
	}
	return false;
}

/* A mountinfo line: its root and mount point where it mounts this hierarchy. Takes line apart. */
static bool cgroup_mount(char *line, const char *name, const char **root, const char **point)
{
	char *fields[6];
	char *save = NULL;
	char *tail = strstr(line, " - ");
	const char *type, *options;

	if (!tail || strchr(line, '\\'))
		return false;
	*tail = 0;
	for (size_t i = 0; i < 6; i++) {
		fields[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!fields[i])
			return false;
	}
	*root = fields[3];
	*point = fields[4];
	type = strtok_r(tail + 3, " ", &save);
	(void)strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!type || !options)
		return false;
	if (strcmp(name, "unified") == 0)
		return strcmp(type, "cgroup2") == 0;
	return strcmp(type, "cgroup") == 0 && cgroup_has_option(options, name);
}

int cgroup_locate(const char *mountinfo, const char *name, const char *relative, char *path)
{
	char *copy = strdup(mountinfo);
	char *save = NULL;
	int rc = copy ? -ENOENT : -ENOMEM;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && rc == -ENOENT;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *root, *point;
		size_t length;

		if (!cgroup_mount(line, name, &root, &point))
			continue;
		length = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(relative, root, length) != 0 || relative[length] != '/')
			continue;
		relative += length;
		rc = str_print(path, CGROUP_PATH, "%s%s", point, strcmp(relative, "/") == 0 ? "" : relative);
	}
	free(copy);
	return rc;
}

bool cgroup_up(char *path, const char *prefix)
{
	char *last = strrchr(path, '/');

	if (!last || last == path || strncmp(last + 1, prefix, strlen(prefix)) != 0)
		return false;
	*last = 0;
	return true;
}

unsigned int cgroup_count_cpus(const char *list)
{
	struct range range;
	unsigned int count = 0;

	while (range_next(&list, &range)) {
		if (range.last > UINT16_MAX)
			return 0;
		count += range.last - range.first + 1;
	}
	return *list == 0 || *list == '\n' ? count : 0;
}
