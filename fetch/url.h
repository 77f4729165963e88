/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source's URL, taken apart. */
#ifndef WNODES_FETCH_URL_H
#define WNODES_FETCH_URL_H

#include <stdbool.h>

#include "fetch/unpack/unpack.h"

enum url_scheme { URL_HTTP, URL_HTTPS, URL_FILE };

#define URL_ID 65U

/* Zero-initialise before use; url_free() when done. Owns its strings. */
struct url {
	enum url_scheme scheme;
	char *request;         /* without user, password and fragment */
	char *shown;           /* for people: the query, which may be a key to the file, is left out */
	char *origin;          /* scheme, host and port */
	char *user, *password; /* decoded; NULL where there is none */
	char *path;            /* decoded; of a file, where it lies */
	enum packing packing;  /* by the path's ending */
	char id[URL_ID];       /* the hexadecimal SHA-256 of the whole text */
};

/**
 * Take text apart. Returns 0; -EINVAL with *why, which does not repeat text,
 * where it is no URL of http, https or file that we can get; or -ENOMEM.
 */
int url_parse(struct url *url, const char *text, const char **why);

void url_free(struct url *url);

/** Whether from may redirect to to: never to a file, never from https to http. */
bool url_may_redirect(const struct url *from, const struct url *to);

/** The packing that a path ends in. */
enum packing url_packing(const char *path);

#endif
