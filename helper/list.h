/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists in a text, of names and the like, separated by commas with optional blanks. */
#ifndef WNODES_HELPER_LIST_H
#define WNODES_HELPER_LIST_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Copy the list's first entry, without the blanks around it, into entry[size];
 * "" where it does not fit. Returns the rest of the list, or NULL at its end.
 */
const char *list_next(const char *list, char *entry, size_t size);

/** Whether list has at least one name and no empty one. */
bool list_is_valid(const char *list);

/** Whether name[length] is one of the list's. */
bool list_has(const char *list, const char *name, size_t length);

#endif
