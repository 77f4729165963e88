/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/mounts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

/* A mount on one of these hides what a guest, or its agent, cannot do without. */
static const char *const needed[] = {"/",        "/bin",      "/boot",    "/etc",       "/lib", "/lib64",
                                     "/root",    "/sbin",     "/usr",     "/run",       "/var", "/usr/libexec",
                                     "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", NULL};

/* Likewise, and neither is anything below them for a directory of the host. */
static const char *const reserved[] = {"/dev", "/proc", "/sys", "/usr/libexec/wnodes", "/run/wnodes", "/etc/ssh", NULL};

static int fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why, MOUNTS_WHY_SIZE, format, arguments);
	va_end(arguments);
	str_printable(why);
	return -EINVAL;
}

/* Copy text[length] without needless slashes. */
static int take_path(char *path, const char *text, size_t length, char *why)
{
	size_t used = 0;

	if (length >= MOUNTS_PATH_SIZE)
		return fail(why, "%.64s...: the path is longer than %u bytes", text, MOUNTS_PATH_SIZE - 1);
	for (size_t i = 0; i < length; i++)
		if (text[i] != '/' || (i + 1 < length && text[i + 1] != '/'))
			path[used++] = text[i];
	if (used == 0 && length > 0)
		path[used++] = '/';
	path[used] = 0;
	if (!str_is_path(path))
		return fail(why, "'%.*s' is not an absolute path without '.' and '..'",
		            (int)(length < 128 ? length : 128), text);
	return 0;
}

static bool is_one_of(const char *path, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(path, *list) == 0)
			return true;
	return false;
}

static bool is_below_one_of(const char *path, const char *const *list)
{
	for (; *list; list++)
		if (strncmp(path, *list, strlen(*list)) == 0 && strchr("/", path[strlen(*list)]))
			return true;
	return false;
}

static int add(struct mounts *mounts, const char *source, size_t source_length, const char *target,
               size_t target_length, unsigned int flags, char *why)
{
	struct mounts_entry *entry;

	if (mounts->count == MOUNTS_MAX)
		return fail(why, "there are more than %u directories, the site's among them", MOUNTS_MAX);
	entry = &mounts->entries[mounts->count];
	if (take_path(entry->source, source, source_length, why) < 0 ||
	    take_path(entry->target, target, target_length, why) < 0)
		return -EINVAL;
	if (strcmp(entry->source, "/") == 0)
		return fail(why, "'/' cannot be mounted: name the directories below it that the job needs");
	if (is_one_of(entry->target, needed) || is_below_one_of(entry->target, reserved))
		return fail(why, "%.128s in the guest is its own: give another directory, SRC:DST", entry->target);
	for (unsigned int i = 0; i < mounts->count; i++)
		if (strcmp(mounts->entries[i].target, entry->target) == 0)
			return fail(why, "%.128s in the guest is given twice%s", entry->target,
			            mounts->entries[i].flags & MOUNTS_SITE ? ": the site mounts a directory there"
			                                                   : "");
	entry->flags = flags;
	mounts->count++;
	return 0;
}

int mounts_add(struct mounts *mounts, const char *source, const char *target, unsigned int flags, char *why)
{
	if (!target)
		target = source;
	return add(mounts, source, strlen(source), target, strlen(target), flags, why);
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* One SRC[:DST][:ro|:rw] of length bytes. */
static int parse_one(struct mounts *mounts, const char *text, size_t length, unsigned int flags, char *why)
{
	const char *parts[3] = {text, text, NULL};
	size_t lengths[3] = {0, 0, 0};
	size_t count = 0;

	for (size_t start = 0; start <= length; start += lengths[count++] + 1) {
		if (count == 3)
			return fail(why, "'%.*s' has more parts than SRC:DST:ro", (int)(length < 128 ? length : 128),
			            text);
		parts[count] = text + start;
		lengths[count] = 0;
		while (start + lengths[count] < length && parts[count][lengths[count]] != ':')
			lengths[count]++;
	}
	if (count > 1 && is_word(parts[count - 1], lengths[count - 1], "ro"))
		flags |= MOUNTS_READ_ONLY;
	if (count > 1 && (is_word(parts[count - 1], lengths[count - 1], "ro") ||
	                  is_word(parts[count - 1], lengths[count - 1], "rw")))
		count--;
	if (count == 3)
		return fail(why, "'%.*s' is neither ro nor rw", (int)(lengths[2] < 64 ? lengths[2] : 64), parts[2]);
	if (count == 1) {
		parts[1] = parts[0];
		lengths[1] = lengths[0];
	}
	return add(mounts, parts[0], lengths[0], parts[1], lengths[1], flags, why);
}

int mounts_parse(struct mounts *mounts, const char *text, unsigned int flags, char *why)
{
	for (;;) {
		size_t length = strcspn(text, ",");
		int rc;

		if (length == 0)
			return fail(why, "a directory is missing: SRC[:DST][:ro], separated by commas");
		rc = parse_one(mounts, text, length, flags, why);
		if (rc < 0 || !text[length])
			return rc;
		text += length + 1;
	}
}
