/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The node's verified copies of images, by digest, in [cache] dir (root's, 0700):
 *
 *   base/HEX             an image as it boots, root's, 0444; its atime is its last use
 *   base/HEX.info        what it was when it was verified (kv): size, mtime, format, virtual_size, image
 *   part/HEX             a download that is not finished, and what else is of it (helper/image/part.h)
 *   use/NODE-JOB.RESTART a hard link to a base: the job that boots from it
 *   evict/HEX            a base on its way out
 *   quarantine/HEX.TIME  a base that had changed on the disk
 *   lock                 flock(2)ed by who takes a base away
 *
 * A base comes into being by a rename(2) of a file that is on the disk, root's,
 * and verified. A hit is one link(2) and takes no lock; the link is the
 * reference, so that a base with one name is one that nobody uses.
 */
#ifndef WNODES_HELPER_IMAGE_CACHE_H
#define WNODES_HELPER_IMAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/config.h"
#include "helper/failure.h"
#include "helper/image/catalogue.h"
#include "helper/record.h"

/* How far a download is; 0 and "" is what is not known. Sizes are in bytes, times in milliseconds since the epoch. */
struct cache_progress {
	char source[PATH_MAX]; /* the URL, without credentials */
	uint64_t total;        /* of what is transferred */
	uint64_t transferred;
	uint64_t rate; /* bytes a second, of the last seconds */
	uint64_t size; /* of the image so far, unpacked */
	uint64_t updated;
	bool verifying; /* everything is here, and being digested */
};

enum cache_presence { CACHE_ABSENT, CACHE_FETCHING, CACHE_PRESENT };

struct cache_entry {
	char digest[65];
	char image[65]; /* the image that it was fetched for; "" where not known */
	enum cache_presence presence;
	struct cache_progress progress; /* of a download, also of one that has stopped */
	uint64_t size, virtual_size;    /* of a base */
	uint64_t used;                  /* its last use */
	unsigned int users;             /* jobs that boot from it */
};

/* Called about once a second while somebody waits; a negative errno ends the waiting with it. */
typedef int cache_report(void *context, const struct cache_progress *progress);

/* One entry of cache_list(); a negative errno ends the list with it. */
typedef int cache_each(void *context, const struct cache_entry *entry);

/**
 * Take the image's base for the job (its record locked; journalled as `use
 * PATH`): path[PATH_MAX] receives its link, to boot from. Returns 0; -ENOENT
 * where it is not there (a base that had changed is then in quarantine):
 * cache_fetch() gets it; or -EIO with why.
 */
int cache_use(const struct config *config, const struct image *image, const struct record *record, char *path,
              struct failure *why);

/** Undo the journal's line `use PATH`; 0, also where it is not there, or a negative errno. */
int cache_release(const char *argument);

/**
 * Wait until the image is there, fetching it (in a keeper, which outlives the
 * caller) where nobody does; at most [fetch] timeout. A failure that came
 * after since (milliseconds of the epoch) is the caller's, too. report may be
 * NULL. Returns 0, -EIO with why (EXIT_NODE), or what report returned.
 */
int cache_fetch(const struct config *config, const struct image *image, uint64_t since, cache_report *report,
                void *context, struct failure *why);

/** Say progress for people, "NAME: 37 %, 112 MB/s, 41 s left", in text[size]. */
void cache_progress_text(const struct cache_progress *progress, const char *name, char *text, size_t size);

/** Have the image fetched where it is not there and nobody does it yet; does not wait. Returns 0 or -EIO with why. */
int cache_start(const struct config *config, const struct image *image, struct failure *why);

/** How this digest stands; 0 or a negative errno (entry is then CACHE_ABSENT). */
int cache_look(const struct config *config, const char *digest, struct cache_entry *entry);

/** All that is there, bases and downloads, in no order, also what no catalogue names. Returns 0 or a negative errno. */
int cache_list(const struct config *config, cache_each *each, void *context);

/**
 * Remove a base, or a download that has stopped. Returns 0, -ENOENT, or with
 * why -EBUSY where jobs use it or it is being fetched, or -EIO.
 */
int cache_evict(const struct config *config, const char *digest, struct failure *why);

/** Remove what is older than [cache] age_max, and the least lately used down to size_max. Returns 0 or a negative
 * errno. */
int cache_trim(const struct config *config);

/**
 * Compare the image's base with what it was when it was verified, with deep
 * its digest too (which takes as long as reading it), and with what the entry
 * says. One that has changed goes into quarantine. Returns 0, -ENOENT where
 * there is none, or with why -ESTALE where it had changed, or -EIO.
 */
int cache_verify(const struct config *config, const struct image *image, bool deep, struct failure *why);

/** Put right what a power loss or a kill left behind. Returns 0 or the first negative errno; goes on after one. */
int cache_repair(const struct config *config);

#endif
