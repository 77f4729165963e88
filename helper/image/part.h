/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Downloads that are not finished, in the cache's folder part/, root's:
 *
 *   HEX           what has arrived of the image; the fetch user's file until it is whole, then root's
 *   HEX.notes     what wnodes-fetch needs to go on with it; the fetch user's file
 *   HEX.lock      flock(2)ed by the one keeper that fetches it
 *   HEX.progress  how far it is (kv), root's
 *   HEX.failed    why the last keeper gave up (kv: entry of the catalogue, code, message, time), root's
 */
#ifndef WNODES_HELPER_IMAGE_PART_H
#define WNODES_HELPER_IMAGE_PART_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/failure.h"
#include "helper/image/cache.h"
#include "helper/image/cache_folder.h"

/** Take the lock of who fetches this digest; the locked descriptor, -EBUSY where somebody has it, or another errno. */
int part_lock(const struct cache *cache, const char *digest);

/** Whether somebody fetches it. */
bool part_is_locked(const struct cache *cache, const char *digest);

/** Open the file HEX with suffix ("" or ".notes") to read and write, made for this user where it is missing. */
int part_open(const struct cache *cache, const char *digest, const char *suffix, uid_t uid, gid_t gid);

/** Write how far a download is, which readers see whole or not at all. Returns 0 or a negative errno. */
int part_save_progress(const struct cache *cache, const char *digest, const struct cache_progress *progress);

/** What is known of a download; all 0 where nothing is. */
void part_load_progress(const struct cache *cache, const char *digest, struct cache_progress *progress);

/** Write why the image could not be fetched, and when, for part_has_failed(). One that cannot be written is lost. */
void part_save_failure(const struct cache *cache, const struct image *image, const struct failure *why);

/**
 * The failure that came at or after since (milliseconds of the epoch) into
 * why; whether there is one. Another entry with the same digest has sources of
 * its own: its failure is none of this image's.
 */
bool part_has_failed(const struct cache *cache, const struct image *image, uint64_t since, struct failure *why);

/** Remove what has arrived, so that the next fetch begins anew. */
void part_remove_data(const struct cache *cache, const char *digest);

/** Remove all of a download; the caller has its lock. */
void part_remove(const struct cache *cache, const char *digest);

#endif
