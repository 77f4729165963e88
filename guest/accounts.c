/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/accounts.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/etc.h"
#include "guest/log.h"

#define NAME_LENGTH_MAX 64U

/* An account file as lines without their newlines. */
struct lines {
	char **line;
	size_t count, room;
	bool changed;
};

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->line[i]);
	free(lines->line);
}

/* Put line (from the heap, or NULL where there was no memory; taken over) before the place at. */
static int lines_insert(struct lines *lines, size_t at, char *line)
{
	if (line && lines->count == lines->room) {
		size_t room = lines->room ? lines->room * 2 : 64;
		char **bigger = realloc(lines->line, room * sizeof(*bigger));

		if (!bigger) {
			free(line);
			return -ENOMEM;
		}
		lines->line = bigger;
		lines->room = room;
	}
	if (!line)
		return -ENOMEM;
	memmove(lines->line + at + 1, lines->line + at, (lines->count - at) * sizeof(*lines->line));
	lines->line[at] = line;
	lines->count++;
	return 0;
}

static int lines_split(struct lines *lines, const char *text)
{
	int rc = 0;

	while (text && *text && rc == 0) {
		size_t length = strcspn(text, "\n");

		rc = lines_insert(lines, lines->count, strndup(text, length));
		text += length + (text[length] == '\n');
	}
	return rc;
}

/* The lines as one text, or NULL where nothing was changed. */
static int lines_join(const struct lines *lines, char **text)
{
	size_t length = 1;
	char *p;

	*text = NULL;
	if (!lines->changed)
		return 0;
	for (size_t i = 0; i < lines->count; i++)
		length += strlen(lines->line[i]) + 1;
	*text = malloc(length);
	if (!*text)
		return -ENOMEM;
	p = *text;
	for (size_t i = 0; i < lines->count; i++) {
		p = stpcpy(p, lines->line[i]);
		*p++ = '\n';
	}
	*p = 0;
	return 0;
}

/* name:password:number:… of a line; false for any other (a comment, NIS). */
static bool line_split(const char *line, size_t *name_length, uint32_t *number)
{
	const char *p = strchr(line, ':');
	uint64_t value = 0;

	if (!p || p == line)
		return false;
	*name_length = (size_t)(p - line);
	p = strchr(p + 1, ':');
	if (!p || p[1] < '0' || p[1] > '9')
		return false;
	for (p++; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return *p == ':' || *p == 0;
}

/* The first lines with the number and with the name (places, or -1); of the latter, its number. */
struct found {
	ssize_t by_number, by_name;
	uint32_t number_of_name;
};

static struct found lines_find(const struct lines *lines, uint32_t number, const char *name)
{
	struct found found = {.by_number = -1, .by_name = -1};
	size_t name_length;
	uint32_t n;

	for (size_t i = 0; i < lines->count; i++) {
		if (!line_split(lines->line[i], &name_length, &n))
			continue;
		if (n == number && found.by_number < 0)
			found.by_number = (ssize_t)i;
		if (found.by_name < 0 && name_length == strlen(name) &&
		    memcmp(name, lines->line[i], name_length) == 0) {
			found.by_name = (ssize_t)i;
			found.number_of_name = n;
		}
	}
	return found;
}

/* Whether a text may stand in an account file as a name. */
static bool fit_name(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	return length > 0 && length <= NAME_LENGTH_MAX && name[0] != '-' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/* A path as a field, or instead. */
static const char *fit_path(const char *path, const char *instead)
{
	bool fit = path && path[0] == '/' && strlen(path) < PATH_MAX && !strpbrk(path, ":\n\r");

	return fit ? path : instead;
}

/* Look for the pair; a name that is missing, unfit or the guest's number 0 becomes LETTERnumber. */
static struct found find_pair(const struct lines *lines, uint32_t number, const char *wanted, char letter, char *name,
                              size_t size)
{
	struct found found;

	if (fit_name(wanted) && str_print(name, size, "%s", wanted) == 0) {
		found = lines_find(lines, number, name);
		if (found.by_name < 0 || found.number_of_name == number || found.number_of_name != 0)
			return found;
	}
	snprintf(name, size, "%c%lu", letter, (unsigned long)number);
	return lines_find(lines, number, name);
}

/* Insert line where the comment in accounts.h says. */
static int add_pair(struct lines *lines, const struct found *found, char *line)
{
	bool unknown = found->by_number < 0 && found->by_name < 0;

	lines->changed = true;
	return lines_insert(lines, unknown ? lines->count : 0, line);
}

int accounts_passwd(const char *old, const struct job *job, char **text, char *user, size_t size)
{
	const char *home = fit_path(job->home, "/"), *shell = fit_path(job->shell, "/bin/sh");
	struct lines lines = {0};
	struct found found;
	char *line = NULL;
	int rc;

	*text = NULL;
	rc = lines_split(&lines, old);
	if (rc < 0)
		goto out;
	if (access(shell, X_OK) < 0)
		shell = "/bin/sh"; /* a shell that only the host has */
	found = find_pair(&lines, job->uid, job->user, 'u', user, size);
	if (found.by_number >= 0 && found.by_number == found.by_name)
		goto out;
	/* No password fits '*'; an 'x' would want a line in shadow. */
	if (asprintf(&line, "%s:*:%lu:%lu:%s:%s:%s", user, (unsigned long)job->uid, (unsigned long)job->gid, user, home,
	             shell) < 0)
		line = NULL;
	rc = add_pair(&lines, &found, line);
	if (rc == 0)
		rc = lines_join(&lines, text);
out:
	lines_free(&lines);
	return rc;
}

/* Whether user is in a group line's list of members. */
static bool is_member(const char *line, const char *user)
{
	const char *p = strrchr(line, ':');
	size_t length = strlen(user);

	while (p && *p) {
		p++;
		if (strncmp(p, user, length) == 0 && (p[length] == ',' || p[length] == 0))
			return true;
		p = strchr(p, ',');
	}
	return false;
}

static int add_member(struct lines *lines, size_t at, const char *user)
{
	char *old = at < lines->count && lines->line ? lines->line[at] : NULL, *line;
	size_t length = old ? strlen(old) : 0, colons = 0;

	if (!old || is_member(old, user))
		return 0;
	for (const char *p = old; *p; p++)
		colons += *p == ':';
	if (asprintf(&line, "%s%s%s", old, colons < 3 ? ":" : old[length - 1] == ':' ? "" : ",", user) < 0)
		return -ENOMEM;
	free(old);
	lines->line[at] = line;
	lines->changed = true;
	return 0;
}

static int add_group(struct lines *lines, const struct job_group *group, const char *user)
{
	bool nameless = !group->name || !group->name[0];
	char name[NAME_LENGTH_MAX + 1];
	struct found found = find_pair(lines, group->gid, group->name, 'g', name, sizeof(name));
	char *line = NULL;

	if (found.by_number >= 0 && (nameless || found.by_number == found.by_name))
		return add_member(lines, (size_t)found.by_number, user);
	if (asprintf(&line, "%s:x:%lu:%s", name, (unsigned long)group->gid, user) < 0)
		line = NULL;
	return add_pair(lines, &found, line);
}

int accounts_group(const char *old, const struct job *job, const char *user, char **text)
{
	struct lines lines = {0};
	int rc;

	*text = NULL;
	rc = lines_split(&lines, old);
	for (size_t i = 0; rc == 0 && i < job->group_count; i++)
		rc = add_group(&lines, &job->groups[i], user);
	if (rc == 0)
		rc = lines_join(&lines, text);
	lines_free(&lines);
	return rc;
}

/* Read etc/name, let accounts_passwd() or accounts_group() change it, write it. */
static int edit(const struct job *job, const char *etc, const char *name, char *user, size_t size)
{
	char path[PATH_MAX], *old = NULL, *new = NULL;
	int rc;

	rc = str_print(path, sizeof(path), "%s/%s", etc, name);
	if (rc == 0)
		rc = etc_read(path, &old);
	if (rc < 0)
		return rc;
	if (strcmp(name, "passwd") == 0)
		rc = accounts_passwd(old, job, &new, user, size);
	else
		rc = accounts_group(old, job, user, &new);
	if (rc == 0 && new)
		rc = etc_write(path, new);
	free(old);
	free(new);
	return rc;
}

void accounts_apply(const struct job *job, const char *etc)
{
	static const char *const names[] = {"passwd", "group"};
	char user[NAME_LENGTH_MAX + 1] = "";
	int rc;

	for (size_t i = 0; i < 2; i++) {
		rc = edit(job, etc, names[i], user, sizeof(user));
		if (rc < 0)
			agent_log("%s/%s: the job cannot be made known there: %s", etc, names[i], strerror(-rc));
		if (!user[0])
			return;
	}
}
