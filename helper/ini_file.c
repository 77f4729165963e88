/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/ini_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/kv.h"
#include "common/str.h"

#define NAMES_MAX 1024U /* sections and keys of a file */

struct ini_file {
	FILE *stream;
	const char *name;
	ini_file_section *take_section;
	ini_file_take *take;
	void *context;
	struct failure *why;
	int line;       /* the one inih reads now */
	bool continued; /* it begins with a blank */
	bool failed;
	bool skipped;     /* the section is wrong, and its values are left alone */
	bool reported;    /* an error was handed over, and did not end the reading */
	int heading_line; /* the first that looks like a heading and is none; 0: there is none */
	/* the value being gathered, until a line shows that it is whole */
	int value_line;
	char section[64], key[256], value[KV_VALUE_MAX + 1];
	char seen[NAMES_MAX][324];
	size_t seen_count;
	char text[FAILURE_TEXT];
};

const char *ini_file_error(struct ini_file *file, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(file->text, sizeof(file->text), format, arguments);
	va_end(arguments);
	return file->text;
}

const char *ini_file_word(struct ini_file *file, const char *key, const char *words, const char *value,
                          unsigned int *number)
{
	int found = str_word(words, value);

	*number = found < 0 ? 0 : (unsigned int)found;
	return found < 0 ? ini_file_error(file, "%s: '%.64s' is not %s", key, value, words) : NULL;
}

int ini_file_line(const struct ini_file *file)
{
	return file->value_line ? file->value_line : file->line;
}

static struct {
	void (*report)(void *context, const char *message);
	void *context;
} reporter;

void ini_file_report(void (*report)(void *context, const char *message), void *context)
{
	reporter.report = report;
	reporter.context = context;
}

static void ini_fail(struct ini_file *file, int line, const char *text)
{
	if (file->failed)
		return;
	(void)failure_set(file->why, EXIT_NODE, "%s:%d: %s", file->name, line, text);
	file->failed = reporter.report == NULL;
	if (file->failed)
		return;
	file->reported = true;
	reporter.report(reporter.context, file->why->message);
}

/* Note a section ("[x]") or a key ("[x]y"); false where it was there before. */
static bool ini_note(struct ini_file *file, const char *section, const char *key)
{
	char *entry = file->seen[file->seen_count];

	if (file->seen_count == NAMES_MAX - 1)
		return false;
	(void)str_print(entry, sizeof(file->seen[0]), "[%s]%s", section, key);
	for (size_t i = 0; i < file->seen_count; i++)
		if (strcmp(file->seen[i], entry) == 0)
			return false;
	file->seen_count++;
	return true;
}

/* The gathered value is whole: hand it over. */
static void ini_flush(struct ini_file *file)
{
	const char *error = NULL;

	if (file->value_line == 0 || file->failed)
		return;
	if (file->skipped) {
		file->value_line = 0;
		return;
	}
	if (!ini_note(file, file->section, file->key))
		error = ini_file_error(file, "%s is given twice", file->key);
	else
		error = file->take(file->context, file, file->section, file->key, file->value);
	if (error)
		ini_fail(file, file->value_line, error);
	file->value_line = 0;
}

/* inih says nothing of headings alone, so the reader looks at them: copy of the text between the brackets. */
static void ini_heading(struct ini_file *file, const char *line)
{
	char section[64];
	size_t length = strcspn(line + 1, "]");
	const char *error = NULL;

	ini_flush(file);
	file->skipped = true;
	if (line[1 + length] != ']' || length == 0 || length >= sizeof(section)) {
		ini_fail(file, file->line, "not a section's heading");
		if (file->heading_line == 0)
			file->heading_line = file->line;
		return;
	}
	memcpy(section, line + 1, length);
	section[length] = 0;
	if (!ini_note(file, section, ""))
		error = ini_file_error(file, "section [%s] is given twice", section);
	else
		error = file->take_section(file->context, file, section);
	file->skipped = error != NULL;
	if (error)
		ini_fail(file, file->line, error);
}

/* inih's reader: one line, counted and looked at. */
static char *ini_read_line(char *buffer, int size, void *stream)
{
	struct ini_file *file = stream;
	size_t length = 0;
	int c;

	if (file->failed)
		return NULL;
	file->line++;
	while ((c = fgetc(file->stream)) != EOF && c != '\n') {
		if (length + 2 >= (size_t)size) {
			ini_fail(file, file->line,
			         "the line is too long; continue it on a line that begins with a blank");
			return NULL;
		}
		if (c != '\t' && c != '\r' && iscntrl(c)) {
			ini_fail(file, file->line, "a control character");
			return NULL;
		}
		buffer[length++] = (char)c;
	}
	if (c == EOF && length == 0)
		return NULL;
	buffer[length] = 0;
	file->continued = buffer[0] == ' ' || buffer[0] == '\t';
	/* an indented heading would pass for a value's continuation */
	if (file->continued && buffer[strspn(buffer, " \t")] == '[')
		ini_fail(file, file->line, "a section's heading begins its line");
	else if (buffer[0] == '[')
		ini_heading(file, buffer);
	return buffer;
}

/* Join the continuation to the value so far, less its comment, which inih leaves in. */
static void ini_continue(struct ini_file *file, const char *value)
{
	size_t used = strlen(file->value);
	size_t length = strlen(value);

	for (size_t i = 1; i < length; i++)
		if (value[i] == ';' && isspace((unsigned char)value[i - 1]))
			length = i;
	while (length > 0 && isspace((unsigned char)value[length - 1]))
		length--;
	if (str_print(file->value + used, sizeof(file->value) - used, " %.*s", (int)length, value) < 0)
		ini_fail(file, file->line, "the value is too long");
}

static int ini_handler_line(void *user, const char *section, const char *key, const char *value)
{
	struct ini_file *file = user;
	if (file->failed)
		return 0;
	if (file->continued && file->value_line && strcmp(key, file->key) == 0 && strcmp(section, file->section) == 0) {
		ini_continue(file, value);
		return 1;
	}
	ini_flush(file);
	file->value_line = file->line;
	if (str_print(file->section, sizeof(file->section), "%s", section) < 0 ||
	    str_print(file->key, sizeof(file->key), "%s", key) < 0)
		ini_fail(file, file->line, "the key is too long");
	else
		(void)str_print(file->value, sizeof(file->value), "%s", value);
	if (file->seen_count == 0)
		ini_fail(file, file->line, "a value before the first section");
	return 1;
}

int ini_file_read(FILE *stream, const char *name, ini_file_section *section, ini_file_take *take, void *context,
                  struct failure *why)
{
	static struct ini_file file;
	int line;

	memset(&file, 0, sizeof(file));
	file.stream = stream;
	file.name = name;
	file.take_section = section;
	file.take = take;
	file.context = context;
	file.why = why;
	line = ini_parse_stream(ini_read_line, &file, ini_handler_line, &file);
	/* inih numbers lines as the reader does: one call, one line; of a heading it has been said */
	if (line > 0 && line != file.heading_line)
		ini_fail(&file, line, "neither a section nor `key = value`");
	if (line < 0 || ferror(stream))
		ini_fail(&file, file.line, "cannot be read");
	ini_flush(&file);
	return file.failed || file.reported ? -EIO : 0;
}
