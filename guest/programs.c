/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/programs.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/range.h"

#define RANK_MAX 999999U
#define NUMBER_BYTES 10U /* of a rank or an offset, as text */

/* Where a rank is in a list of them. */
struct place {
	uint32_t rank;
	bool found;
	uint32_t offset; /* how many ranks the list has before it */
	uint32_t tasks;  /* one more than the highest of the list */
};

static void take_range(struct place *place, const struct range *range)
{
	if (!place->found && place->rank >= range->first && place->rank <= range->last) {
		place->found = true;
		place->offset += place->rank - range->first;
	} else if (!place->found) {
		place->offset += range->last - range->first + 1;
	}
	if (place->tasks <= range->last)
		place->tasks = range->last + 1;
}

/* Read `0-3,5` or `*` and the blank behind it; returns where the program begins, or NULL. */
static const char *read_ranks(const char *at, struct place *place)
{
	const char *list = at;
	struct range range;

	if (at[0] == '*' && at[1] == ' ') {
		place->found = true;
		place->offset = place->rank;
		return at + 2;
	}
	while (range_next(&at, &range)) {
		if (range.last > RANK_MAX)
			return NULL;
		take_range(place, &range);
	}
	return at > list && *at == ' ' ? at + 1 : NULL;
}

/* Words as they are found: where the next byte and the next pointer go; both NULL to count alone. */
struct words {
	char **argv, *text;
	size_t count, bytes;
};

static void put(struct words *words, const char *bytes, size_t length)
{
	if (words->text)
		memcpy(words->text + words->bytes, bytes, length);
	words->bytes += length;
}

static void put_number(struct words *words, uint32_t number)
{
	char text[NUMBER_BYTES + 1];

	put(words, text, (size_t)snprintf(text, sizeof(text), "%u", number));
}

/* One word, ended by a blank or end; returns behind it, or NULL where a quote is not closed. */
static const char *read_word(struct words *words, const char *at, const char *end, const struct place *place)
{
	if (words->argv)
		words->argv[words->count] = words->text + words->bytes;
	words->count++;
	while (at < end && !isspace((unsigned char)*at)) {
		const char *close = *at == '\'' ? memchr(at + 1, '\'', (size_t)(end - at - 1)) : NULL;

		if (*at == '\'' && !close)
			return NULL;
		if (close) {
			put(words, at + 1, (size_t)(close - at - 1));
			at = close + 1;
		} else if (*at == '%' && at + 1 < end && (at[1] == 't' || at[1] == 'o')) {
			put_number(words, at[1] == 't' ? place->rank : place->offset);
			at += 2;
		} else if (*at == '\\' && at + 1 < end) {
			put(words, at + 1, 1);
			at += 2;
		} else {
			put(words, at++, 1);
		}
	}
	put(words, "", 1);
	return at;
}

static bool read_words(struct words *words, const char *at, const char *end, const struct place *place)
{
	while (at && at < end) {
		while (at < end && isspace((unsigned char)*at))
			at++;
		if (at < end)
			at = read_word(words, at, end, place);
	}
	return at && words->count > 0;
}

static int make_argv(const char *at, const char *end, const struct place *place, char ***argv)
{
	struct words counted = {0}, words = {0};

	if (!read_words(&counted, at, end, place))
		return -EINVAL;
	words.argv = malloc((counted.count + 1) * sizeof(*words.argv) + counted.bytes);
	if (!words.argv)
		return -ENOMEM;
	words.text = (char *)(words.argv + counted.count + 1);
	(void)read_words(&words, at, end, place);
	words.argv[words.count] = NULL;
	*argv = words.argv;
	return 0;
}

int programs_choose(const char *lines, uint32_t rank, char ***argv)
{
	while (*lines) {
		struct place place = {.rank = rank};
		const char *end = lines + strcspn(lines, "\n"), *program = read_ranks(lines, &place);

		if (!program || program > end)
			return -EINVAL;
		if (place.found)
			return make_argv(program, end, &place, argv);
		lines = end + (*end == '\n');
	}
	return -ENOENT;
}

int programs_check(const char *lines, uint32_t *tasks, unsigned int *line)
{
	*tasks = 0;
	for (*line = 1; *lines; ++*line) {
		struct place place = {0};
		struct words counted = {0};
		const char *end = lines + strcspn(lines, "\n"), *program = read_ranks(lines, &place);

		if (!program || program > end || !read_words(&counted, program, end, &place))
			return -EINVAL;
		*tasks = place.tasks > *tasks ? place.tasks : *tasks;
		lines = end + (*end == '\n');
	}
	return 0;
}
