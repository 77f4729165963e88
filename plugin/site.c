/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/site.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"

#define FILE_MAX (1 << 20)

static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *stream = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		stream = fdopen(fd, "r");
	if (!stream)
		close(fd);
	return stream;
}

/* A heading begins its line: the helper takes no other. */
static bool is_heading(const char *line, const char *name)
{
	static const char begin[] = "[partition ";
	size_t length = name ? strlen(name) : 0;

	if (strncmp(line, begin, sizeof(begin) - 1) != 0)
		return false;
	line += sizeof(begin) - 1;
	return !name || (strncmp(line, name, length) == 0 && line[length] == ']');
}

bool site_has_partition_in(const char *path, const char *name)
{
	FILE *stream = open_file(path);
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (stream && !found && getline(&line, &size, stream) > 0)
		found = is_heading(line, name);
	free(line);
	if (stream)
		(void)fclose(stream);
	return found;
}

bool site_has_partition(const char *name)
{
	return site_has_partition_in(WNODES_CONF, name);
}

/* The value of a line `key = value`, cut out of it; NULL where it is another line. */
static char *value_of(char *line, const char *key)
{
	size_t length = strlen(key);
	char *value;

	if (strncmp(line, key, length) != 0)
		return NULL;
	value = line + length + strspn(line + length, " \t");
	if (*value != '=' && *value != ':')
		return NULL;
	value += 1 + strspn(value + 1, " \t");
	value[strcspn(value, " \t\r\n")] = 0;
	return value;
}

/* What an entry says: its digest, or of what it is an alias; "" for what it does not. */
static void read_entry(const char *folder, const char *image, char *digest, char *alias)
{
	char path[PATH_MAX];
	FILE *stream = NULL;
	char *line = NULL, *value;
	size_t size = 0;

	digest[0] = 0;
	alias[0] = 0;
	if (str_is_name(image) && str_print(path, sizeof(path), "%s/%s.conf", folder, image) == 0)
		stream = open_file(path);
	while (stream && getline(&line, &size, stream) > 0) {
		if ((value = value_of(line, "sha256")) && str_is_sha256(value))
			(void)str_print(digest, SITE_DIGEST_SIZE, "%s", value);
		else if ((value = value_of(line, "alias")) && str_is_name(value))
			(void)str_print(alias, 65, "%s", value);
	}
	free(line);
	if (stream)
		(void)fclose(stream);
}

bool site_digest_in(const char *folder, const char *image, char *digest)
{
	char alias[65], target[65];

	read_entry(folder, image, digest, alias);
	if (alias[0]) {
		memcpy(target, alias, sizeof(target));
		read_entry(folder, target, digest, alias);
	}
	return digest[0] != 0;
}

bool site_digest(const char *image, char *digest)
{
	return site_digest_in(WNODES_IMAGES_D, image, digest);
}
