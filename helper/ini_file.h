/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INI files read strictly, on top of inih: every error has its file and line;
 * a section or a key that comes twice is an error. A line that begins with a
 * blank continues the value above it.
 */
#ifndef WNODES_HELPER_INI_FILE_H
#define WNODES_HELPER_INI_FILE_H

#include <stdio.h>

#include "helper/failure.h"

struct ini_file;

/**
 * Take one value, whole, with its section. Returns NULL, or a text that says
 * what is wrong with it (ini_file_error() may make one).
 */
typedef const char *ini_file_take(void *context, struct ini_file *file, const char *section, const char *key,
                                  const char *value);

/** Take a section's heading; NULL, or what is wrong with it. Called once per section, before its values. */
typedef const char *ini_file_section(void *context, struct ini_file *file, const char *section);

/** Format an error text that lives as long as file. */
const char *ini_file_error(struct ini_file *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Which of words, as `one, two or three`, the value of key is, into *number
 * from 0. NULL, or what is wrong with it.
 */
const char *ini_file_word(struct ini_file *file, const char *key, const char *words, const char *value,
                          unsigned int *number);

/** The line of the value, or of the section's heading, that is being taken. */
int ini_file_line(const struct ini_file *file);

/**
 * From now on hand each error of a file to report and read on, so that all of
 * them are found; NULL: the first one ends the reading, as it does at first.
 */
void ini_file_report(void (*report)(void *context, const char *message), void *context);

/**
 * Read stream to its end; name is what errors call it. Returns 0, or -EIO with
 * why (EXIT_NODE, "NAME:LINE: text").
 */
int ini_file_read(FILE *stream, const char *name, ini_file_section *section, ini_file_take *take, void *context,
                  struct failure *why);

#endif
