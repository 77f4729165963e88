/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings and numbers from outside, checked. Nothing here does I/O. */
#ifndef WNODES_COMMON_STR_H
#define WNODES_COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Replace control characters by '?', in place. */
void str_printable(char *text);

/**
 * A decimal number, the whole of text, no sign or blank, min <= number <= max.
 * Returns 0 and *number, or -EINVAL (not a number) or -ERANGE.
 */
int str_u64(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/**
 * A size in bytes: a decimal number with an optional K, M, G or T (powers of
 * 1024). Returns 0 and *bytes, or -EINVAL or -ERANGE.
 */
int str_size(const char *text, uint64_t *bytes);

/**
 * Whether text may be a name: 1 to 64 of [A-Za-z0-9._:-], not beginning with
 * '.' or '-'. Names of images, networks and nodes; safe as a file's name.
 */
bool str_is_name(const char *text);

/** Which of words, as `one, two or three`, text is, from 0; -1 where it is none of them. */
int str_word(const char *words, const char *text);

/** Whether text is a SHA-256: 64 digits of 0-9a-f. */
bool str_is_sha256(const char *text);

/** Whether text is an absolute path without "." or ".." parts, shorter than PATH_MAX, printable. */
bool str_is_path(const char *text);

/**
 * Print into buffer[size]; -ENAMETOOLONG where it does not fit (buffer then
 * holds ""), else 0.
 */
int str_print(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/**
 * Print behind what buffer[size] holds. Where it does not fit, as much of it
 * as does, and *rc is -ENAMETOOLONG; else *rc stays as it is.
 */
void str_append(char *buffer, size_t size, int *rc, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
