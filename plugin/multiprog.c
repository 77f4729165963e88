/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/multiprog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether list, `0-3,5` or `*` up to a blank, holds rank. */
static bool ranks_hold(const char *list, uint32_t rank)
{
	size_t length = strcspn(list, " \t\n");
	const char *end = list + length;

	if (length == 1 && *list == '*')
		return true;
	while (list < end) {
		unsigned int first, last;
		int used = 0;

		if (sscanf(list, "%9u%n", &first, &used) != 1)
			return false;
		list += used;
		last = first;
		if (*list == '-') {
			if (sscanf(list, "-%9u%n", &last, &used) != 1)
				return false;
			list += used;
		}
		if (rank >= first && rank <= last)
			return true;
		if (*list != ',')
			return false;
		list++;
	}
	return false;
}

bool multiprog_names(const char *config, uint32_t rank)
{
	while (config && *config) {
		const char *line = config + strspn(config, " \t");

		if (ranks_hold(line, rank))
			return true;
		config = strchr(config, '\n');
		config += config != NULL;
	}
	return false;
}

static bool is_file_with(const char *path, const char *text)
{
	size_t length = strlen(text);
	char buffer[4096];
	struct stat st;
	bool same = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 0;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 && (size_t)st.st_size == length) {
		same = true;
		while (same && length > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
			same = (size_t)n <= length && memcmp(buffer, text, (size_t)n) == 0;
			text += n;
			length -= (size_t)n <= length ? (size_t)n : length;
		}
		same = same && length == 0;
	}
	close(fd);
	return same;
}

bool multiprog_is(int argc, char *const *argv, uint32_t rank)
{
	if (argc < 2 || !multiprog_names(argv[1], rank))
		return false;
	return is_file_with(argv[0], argv[1]) || access(argv[0], X_OK) != 0;
}
