/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/multiprog.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/range.h"

#define LINE_MAX_SLURM 4094U /* bytes; slurmstepd refuses a longer line */
#define RANKS "0123456789,-*"

/* Whether list, `0-3,5` or `*` up to a blank, holds rank. */
static bool ranks_hold(const char *list, uint32_t rank)
{
	struct range range;

	if (list[0] == '*' && strcspn(list, " \t\n") == 1)
		return true;
	while (range_next(&list, &range))
		if (rank >= range.first && rank <= range.last)
			return true;
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

bool multiprog_is_read(int argc, char *const *argv)
{
	return argc >= 2 && is_file_with(argv[0], argv[1]);
}

bool multiprog_is(int argc, char *const *argv, uint32_t rank)
{
	if (argc < 2 || !multiprog_names(argv[1], rank))
		return false;
	return is_file_with(argv[0], argv[1]) || access(argv[0], X_OK) != 0;
}

/* The rest of a line, with those that continue it; returns where the next begins, NULL where that is not clear. */
static const char *copy_rest(FILE *out, const char *p)
{
	for (;;) {
		size_t length = strcspn(p, "\n");
		bool continued = length > 0 && p[length - 1] == '\\';

		if (continued && (length < 2 || p[length - 2] == '\\' || p[length] == 0))
			return NULL;
		fwrite(p, 1, continued ? length - 1 : length, out);
		p += length + (p[length] == '\n');
		if (!continued)
			break;
		fputs("''", out); /* Slurm ends no word at the end of such a line, and begins one */
	}
	fputc('\n', out);
	return p;
}

static const char *wrap_line(FILE *out, const char *p, const char *program)
{
	size_t ranks = strspn(p, RANKS);

	if (ranks == 0 || (p[ranks] != ' ' && p[ranks] != '\t'))
		return NULL;
	fprintf(out, "%.*s %s -- ", (int)ranks, p, program);
	return copy_rest(out, p + ranks + strspn(p + ranks, " \t"));
}

static bool lines_fit(const char *text)
{
	for (; *text; text += strcspn(text, "\n") + 1)
		if (strcspn(text, "\n") > LINE_MAX_SLURM)
			return false;
	return true;
}

char *multiprog_wrap(const char *text, const char *program)
{
	char *wrapped = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&wrapped, &size);

	if (!out)
		return NULL;
	while (text && *text) {
		text += strspn(text, " \t\n\v\f\r");
		if (*text == '#')
			text += strcspn(text, "\n");
		else if (*text)
			text = wrap_line(out, text, program);
	}
	if (fclose(out) == 0 && text && size > 0 && lines_fit(wrapped))
		return wrapped;
	free(wrapped);
	return NULL;
}

bool multiprog_is_wrapped(const char *text, const char *program)
{
	size_t length = strlen(program), lines = 0;

	for (const char *p = text; *p; lines++) {
		size_t ranks = strspn(p, RANKS), size = strcspn(p, "\n");
		const char *word = p + ranks + 1;

		if (ranks == 0 || p[ranks] != ' ' || strncmp(word, program, length) != 0 ||
		    strncmp(word + length, " -- ", 4) != 0 || isspace((unsigned char)word[length + 4]) ||
		    p[size - 1] == '\\' || p[size] != '\n')
			return false;
		p += size + 1;
	}
	return lines > 0;
}
