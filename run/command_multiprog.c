/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of srun --multi-prog that came from the guest. Slurm before 23.11
 * executes what it names on the host, but for the plugin's wnodes-run in each
 * line (plugin/multiprog.c): so only lines that both read alike pass.
 */
#include <ctype.h>
#include <string.h>

#include "common/paths.h"
#include "run/command.h"

#define LINE_MOST (4094U - sizeof(" " WNODES_RUN " -- ")) /* bytes, with what the plugin puts in */
#define RANK_DIGITS 6U

/* `7` or `7-9`; returns behind it, or NULL. */
static const char *read_range(const char *at)
{
	size_t digits = strspn(at, "0123456789");

	if (digits == 0 || digits > RANK_DIGITS)
		return NULL;
	at += digits;
	if (*at != '-')
		return at;
	digits = strspn(++at, "0123456789");
	return digits == 0 || digits > RANK_DIGITS ? NULL : at + digits;
}

/* The ranks and the blank behind them; returns where the program begins, or NULL. */
static const char *read_ranks(const char *at)
{
	if (*at == '*')
		at++;
	else
		while ((at = read_range(at)) && *at == ',')
			at++;
	return at && *at == ' ' ? at + 1 : NULL;
}

static bool is_line(const char *line, const char *end)
{
	const char *program = read_ranks(line);

	if (!program || program >= end || (size_t)(end - line) > LINE_MOST || end[-1] == '\\')
		return false;
	for (const char *p = program; p < end; p++)
		if ((iscntrl((unsigned char)*p) && *p != '\t') || *p == 0)
			return false;
	return !isspace((unsigned char)*program) && *program != '#';
}

bool command_multiprog_is(const uint8_t *script, size_t length)
{
	const char *at = (const char *)script, *last = at + length;

	if (length == 0 || memchr(script, 0, length))
		return false;
	while (at < last) {
		const char *end = memchr(at, '\n', (size_t)(last - at));

		if (!end || !is_line(at, end))
			return false;
		at = end + 1;
	}
	return true;
}
