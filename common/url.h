/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs for people. */
#ifndef WNODES_COMMON_URL_H
#define WNODES_COMMON_URL_H

#include <stddef.h>

/**
 * Write into to (length + 1 bytes at most) the URL, or path, of length bytes
 * without what may be a secret in it: user, password, query and fragment.
 * Returns where its closing NUL is.
 */
char *url_show(char *to, const char *url, size_t length);

#endif
