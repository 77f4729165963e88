/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache's folders and its bases: what cache.c, cache_evict.c, cache_repair.c, part.c and keeper.c share. */
#ifndef WNODES_HELPER_IMAGE_CACHE_FOLDER_H
#define WNODES_HELPER_IMAGE_CACHE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "helper/config.h"
#include "helper/image/catalogue.h"

#define CACHE_NAME 96U /* bytes of HEX with a suffix */
#define CACHE_FRESH_SECONDS                                                                                            \
	600U /* what was used or fetched within these is not trimmed: a job may be on its way to it */

/* Descriptors of the folders; cache_close() when done. */
struct cache {
	int top, base, part, use, evict, quarantine;
};

/* A base as it was when it was verified: base/HEX.info. */
struct cache_info {
	uint64_t size;
	uint64_t mtime; /* nanoseconds since the epoch */
	uint64_t virtual_size;
	char format[8];
	char image[65]; /* for which it was fetched */
};

/** Open the folders, made where they are missing, root's alone. Returns 0 or a negative errno. */
int cache_open(struct cache *cache, const struct config *config);
void cache_close(struct cache *cache);

/** Take the lock of who takes a base away, waiting at most ms; its descriptor or a negative errno (-EBUSY). */
int cache_lock(const struct cache *cache, unsigned int ms);

/** DIGEST with a suffix (".info", "" for none) into name[CACHE_NAME], which is returned. */
const char *cache_name(char *name, const char *digest, const char *suffix);

/** Whether there is a base of that digest. */
bool cache_has(const struct cache *cache, const char *digest);

/** Read or write a base's info, on the disk when it returns. 0 or a negative errno (-ENOENT, -EINVAL). */
int cache_info_load(const struct cache *cache, const char *digest, struct cache_info *info);
int cache_info_save(const struct cache *cache, const char *digest, const struct cache_info *info);

/** Whether a base is as its info says: size, mtime, root's, writable by nobody. */
bool cache_is_as_it_was(const struct cache_info *info, const struct stat *st);

/**
 * What this entry of the catalogue says of a base that perhaps another had
 * fetched: its format and its limits. Returns 0, or -EIO with why.
 */
int cache_check_entry(const struct config *config, const struct image *image, const struct cache_info *info,
                      struct failure *why);

/** The modification time in nanoseconds. */
uint64_t cache_mtime(const struct stat *st);

/**
 * Move a base that has changed out of everybody's way, with a line in the log
 * that says what is wrong with it. 0 or a negative errno.
 */
int cache_quarantine(const struct cache *cache, const char *digest, const char *what);

/** Take the base away where no job uses it. Returns 0, -ENOENT, -EBUSY (in use, or no lock), or a negative errno. */
int cache_take_away(const struct cache *cache, const char *digest);

#endif
