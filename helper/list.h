/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of names in a text, separated by commas with optional blanks. */
#ifndef WNODES_HELPER_LIST_H
#define WNODES_HELPER_LIST_H

#include <stdbool.h>
#include <stddef.h>

/** Whether list has at least one name and no empty one. */
bool list_is_valid(const char *list);

/** Whether name[length] is one of the list's. */
bool list_has(const char *list, const char *name, size_t length);

#endif
