/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wnodes-fetch, which reads what comes from the network or lies in an image: executed as WNODES_FETCH_USER. */
#ifndef WNODES_HELPER_IMAGE_FETCHER_H
#define WNODES_HELPER_IMAGE_FETCHER_H

#include <stdint.h>
#include <sys/types.h>

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"

#define FETCHER_WRONG 65 /* the exit code of wnodes-fetch where what came is wrong */

struct fetcher {
	uid_t uid; /* of WNODES_FETCH_USER */
	gid_t gid;
};

/* A line `key=value` of wnodes-fetch, or about once a second NULL for both. Believed no further than its syntax. */
typedef void fetcher_line(void *context, const char *key, const char *value);

/* What a get needs; everything is the caller's. */
struct fetcher_get {
	const struct config *config;
	const struct image *image;
	const char *const *sources; /* URLs, tried in order */
	size_t source_count;
	int part, notes; /* descriptors to read and write, files of the user's */
	fetcher_line *line;
	void *context;
};

/** Find the user: a local one, not root. Returns 0 or -EIO with why. */
int fetcher_open(struct fetcher *fetcher, struct failure *why);

/*
 * What follows executes it. Each returns -EINTR with why where it was killed,
 * and may be called again.
 */

/**
 * Fetch into part. Returns 0, or -EIO with why's text (less the image's name):
 * why->code is EXIT_NODE where another try may help, 65 where what came is
 * wrong. Bounded by [fetch] timeout.
 */
int fetcher_get(const struct fetcher *fetcher, const struct fetcher_get *get, struct failure *why);

/** The sha256 of the file fd, by a fresh process, into hex[65]. Returns 0 or -EIO with why. */
int fetcher_digest(const struct fetcher *fetcher, int fd, char *hex, struct failure *why);

/** See that fd is a whole image of this format; its disk's bytes. Returns 0 or -EIO with why as fetcher_get(). */
int fetcher_inspect(const struct fetcher *fetcher, const struct config *config, int fd, const char *format,
                    uint64_t *virtual_size, struct failure *why);

#endif
