/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/disk_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"

bool disk_is_mode(const char *word)
{
	return str_word(DISK_MODES, word) >= 0;
}

bool disk_mode_is_qcow2(const char *mode)
{
	return strcmp(mode, "overlay") == 0 || strcmp(mode, "snapshot") == 0;
}

bool disk_mode_takes_prealloc(const char *mode, const char *prealloc)
{
	if (strcmp(prealloc, "off") == 0 || disk_mode_is_qcow2(mode))
		return true;
	return strcmp(mode, "raw") == 0 && strcmp(prealloc, "metadata") != 0;
}

static int take_mode(struct disk_option *option, const char *word, bool first, char *why, size_t size)
{
	if (!first || !disk_is_mode(word))
		(void)snprintf(why, size, "'%.40s' is %s", word,
		               first ? "no mode: give " DISK_MODES ", or a key as size=20G"
		                     : "not size=… or prealloc=…");
	else
		(void)str_print(option->mode, sizeof(option->mode), "%s", word);
	return why[0] ? -EINVAL : 0;
}

static int take_size(struct disk_option *option, const char *value, char *why, size_t size)
{
	if (option->size)
		(void)snprintf(why, size, "size is given twice");
	else if (str_size(value, &option->size) < 0 || option->size < DISK_SIZE_MIN || option->size > DISK_SIZE_MAX)
		(void)snprintf(why, size, "size: '%.40s' is not a size from 1M to 1024T, as 20G", value);
	return why[0] ? -EINVAL : 0;
}

static int take_prealloc(struct disk_option *option, const char *value, char *why, size_t size)
{
	if (option->prealloc[0])
		(void)snprintf(why, size, "prealloc is given twice");
	else if (str_word(DISK_PREALLOCS, value) < 0)
		(void)snprintf(why, size, "prealloc: '%.40s' is not " DISK_PREALLOCS, value);
	else
		(void)str_print(option->prealloc, sizeof(option->prealloc), "%s", value);
	return why[0] ? -EINVAL : 0;
}

static int take_word(struct disk_option *option, const char *word, bool first, char *why, size_t size)
{
	if (strncmp(word, "size=", 5) == 0)
		return take_size(option, word + 5, why, size);
	if (strncmp(word, "prealloc=", 9) == 0)
		return take_prealloc(option, word + 9, why, size);
	return take_mode(option, word, first, why, size);
}

int disk_option_parse(struct disk_option *option, const char *text, char *why, size_t size)
{
	const char *at = text;
	char word[DISK_OPTION_MAX];
	int rc = 0;

	*option = (struct disk_option){0};
	why[0] = 0;
	if (strlen(text) >= DISK_OPTION_MAX) {
		(void)snprintf(why, size, "'%.40s…' is too long", text);
		return -EINVAL;
	}
	while (rc == 0 && at) {
		const char *comma = strchr(at, ',');

		(void)str_print(word, sizeof(word), "%.*s", (int)(comma ? comma - at : (ptrdiff_t)strlen(at)), at);
		rc = take_word(option, word, at == text, why, size);
		at = comma ? comma + 1 : NULL;
	}
	if (rc == 0 && option->mode[0] && option->prealloc[0] &&
	    !disk_mode_takes_prealloc(option->mode, option->prealloc)) {
		(void)snprintf(why, size, "%s cannot have prealloc=%s", option->mode, option->prealloc);
		rc = -EINVAL;
	}
	return rc;
}
