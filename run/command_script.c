/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directives of a batch script that came from the guest. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "run/command.h"

#define MAGIC "#SBATCH"

struct words {
	char **argv;
	int argc;
	char *texts; /* where the next word goes */
};

/* The next word of a directive, as a shell would see it: quotes, backslashes, and a comment at the end. */
static bool next_word(const char **at, const char *end, struct words *words)
{
	const char *p = *at;
	char quote = 0;
	char *word = words->texts;

	while (p < end && isspace((unsigned char)*p))
		p++;
	if (p >= end || *p == '#')
		return false;
	for (; p < end && (quote || !isspace((unsigned char)*p)); p++) {
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			*words->texts++ = *++p;
		else if (quote && *p == quote)
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else
			*words->texts++ = *p;
	}
	*words->texts++ = 0;
	words->argv[words->argc++] = word;
	*at = p;
	return true;
}

static bool is_comment(const char *line, const char *end)
{
	while (line < end && isspace((unsigned char)*line))
		line++;
	return line >= end || *line == '#';
}

static bool is_heterogeneous(const char *line, const char *end)
{
	while (line < end && isspace((unsigned char)*line))
		line++;
	return strncmp(line, "hetjob", 6) == 0 || strncmp(line, "packjob", 7) == 0;
}

int command_script(uint8_t *script, size_t length, struct slurm_line *line, char **texts, char why[COMMAND_WHY_MAX])
{
	char *at = (char *)script, *last = at + length;
	struct words words = {0};
	int rc = 0;

	*texts = NULL;
	if (length == 0 || memchr(script, 0, length) || memchr(script, '\r', length)) {
		(void)snprintf(why, COMMAND_WHY_MAX, "sbatch: the script is empty, or has a NUL or a carriage return");
		return -EINVAL;
	}
	/* a word takes at least two bytes of the script, itself and a blank */
	words.texts = *texts = malloc(length + 1);
	words.argv = calloc(length / 2 + 1, sizeof(*words.argv));
	if (!*texts || !words.argv)
		rc = -ENOMEM;
	while (rc == 0 && at < last) {
		char *end = memchr(at, '\n', (size_t)(last - at));

		end = end ? end : last;
		if (strncmp(at, MAGIC, strlen(MAGIC)) == 0) {
			const char *rest = at + strlen(MAGIC);

			if (is_heterogeneous(rest, end)) {
				(void)snprintf(why, COMMAND_WHY_MAX,
				               "sbatch: heterogeneous jobs are not available in a VM");
				rc = -EINVAL;
			}
			while (rc == 0 && next_word(&rest, end, &words))
				;
			at[1] = 's';
		} else if (!is_comment(at, end)) {
			break;
		}
		at = end + (end < last);
	}
	if (rc == 0)
		rc = slurm_parse(line, slurm_command_find("sbatch"), words.argc, words.argv, why, COMMAND_WHY_MAX);
	free(words.argv);
	return rc;
}
