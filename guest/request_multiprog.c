/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/request_multiprog.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BLANKS " \t\v\f\r"
#define RANKS "0123456789,-*"

static int put(struct queue *lines, const char *text, size_t length)
{
	return queue_push(lines, (const uint8_t *)text, length);
}

/* The rest of a line, with those that continue it; *at moves behind it. */
static int put_rest(struct queue *lines, const char **at, unsigned int *line)
{
	for (;;) {
		size_t length = strcspn(*at, "\n");
		bool continued = length > 0 && (*at)[length - 1] == '\\';

		if (continued && ((length > 1 && (*at)[length - 2] == '\\') || !(*at)[length]))
			return -EINVAL;
		if (put(lines, *at, continued ? length - 1 : length) < 0)
			return -ENOMEM;
		*at += length + ((*at)[length] == '\n');
		if (!continued)
			return put(lines, "\n", 1);
		(*line)++;
		/* Slurm ends no word at the end of such a line, and begins one */
		if (put(lines, "''", 2) < 0)
			return -ENOMEM;
	}
}

static int put_line(struct queue *lines, const char **at, unsigned int *line)
{
	size_t ranks = strspn(*at, RANKS);
	size_t blanks = strspn(*at + ranks, BLANKS);

	if (ranks == 0 || blanks == 0 || !(*at)[ranks + blanks] || (*at)[ranks + blanks] == '\n')
		return -EINVAL;
	if (put(lines, *at, ranks) < 0 || put(lines, " ", 1) < 0)
		return -ENOMEM;
	*at += ranks + blanks;
	return put_rest(lines, at, line);
}

int request_multiprog(const char *text, struct queue *lines, unsigned int *line)
{
	int rc = 0;

	for (*line = 1; *text && rc == 0; *line += rc == 0) {
		text += strspn(text, BLANKS);
		if (*text != '#' && *text != '\n' && *text) {
			rc = put_line(lines, &text, line);
		} else {
			text += strcspn(text, "\n");
			text += *text == '\n';
		}
	}
	return rc;
}
