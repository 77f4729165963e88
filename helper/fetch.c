/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fetch: wait until an image is on the node, and tell how far it is: blocks
 * with `state`, the last one `present` or `failed`. The download is the
 * node's: it goes on when its caller has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/answer.h"
#include "helper/config.h"
#include "helper/fs.h"
#include "helper/identity.h"
#include "helper/image/cache.h"
#include "helper/image/catalogue.h"
#include "helper/policy.h"
#include "helper/verbs.h"

#define SLOTS 4U       /* a user's fetches that wait at once: they are root's processes, which no limit of his bounds */
#define AGAIN_MS 5000U /* after a failure, for which a user is told of it again */
#define EXTRA_S 120U   /* for what comes after a download: its digest, and telling */

static int fetch_allowed(const struct config *config, const struct image *image, const struct caller *caller,
                         struct failure *why)
{
	struct kv kv = {0};
	int rc = 0;

	if (caller->uid != 0)
		rc = identity_user(caller->uid, caller->gid, &kv, why);
	if (rc == 0 && caller->uid != 0)
		rc = policy_user(config, image, kv_get(&kv, "user"), kv_get(&kv, "groups"), why);
	kv_free(&kv);
	return rc;
}

/* One of the user's slots, held until this process ends. */
static int fetch_slot(const struct caller *caller, struct failure *why)
{
	char name[48];
	int run, fd, rc = -EWOULDBLOCK;

	if (caller->uid == 0)
		return 0;
	run = fs_open_folder(WNODES_RUNDIR, 0755);
	if (run < 0)
		return failure_set(why, EXIT_NODE, WNODES_RUNDIR ": %s", strerror(-run));
	for (unsigned int i = 0; rc == -EWOULDBLOCK && i < SLOTS; i++) {
		(void)str_print(name, sizeof(name), ".fetch.%" PRIu32 ".%u", caller->uid, i);
		fd = openat(run, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		rc = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (rc < 0 && fd >= 0)
			close(fd);
	}
	close(run);
	if (rc == -EWOULDBLOCK)
		return failure_set(why, EXIT_NODE, "%u fetches of yours are waiting on this node already", SLOTS);
	return rc < 0 ? failure_set(why, EXIT_NODE, WNODES_RUNDIR "/%s: %s", name, strerror(-rc)) : 0;
}

static int set_number(struct kv *block, const char *key, uint64_t number)
{
	return number ? kv_setf(block, key, "%" PRIu64, number) : 0;
}

/* A caller who no longer reads is gone. */
static int fetch_put(struct kv *block)
{
	struct failure ignored = {0};

	answer_put(block);
	return answer_flush(&ignored) < 0 ? -EPIPE : 0;
}

struct telling {
	const char *name; /* that was asked for */
	const struct image *image;
	bool fetched; /* it was not here */
};

static int fetch_report(void *context, const struct cache_progress *progress)
{
	struct telling *telling = context;
	char message[256];
	struct kv block = {0};
	int rc = kv_set(&block, "state", progress->verifying ? "verifying" : "fetching");

	telling->fetched = true;
	cache_progress_text(progress, telling->name, message, sizeof(message));
	if (rc == 0)
		rc = kv_set(&block, "message", message);
	if (rc == 0)
		rc = kv_set(&block, "source", progress->source[0] ? progress->source : NULL);
	if (rc == 0)
		rc = set_number(&block, "total", progress->total);
	if (rc == 0)
		rc = set_number(&block, "transferred", progress->transferred);
	if (rc == 0)
		rc = set_number(&block, "rate", progress->rate);
	if (rc == 0)
		rc = set_number(&block, "size", progress->size);
	if (rc == 0)
		rc = fetch_put(&block);
	kv_free(&block);
	return rc;
}

/* The bytes of the image as it boots. */
static uint64_t fetch_size(const struct config *config, const struct image *image)
{
	static struct cache_entry entry;
	struct stat st;

	if (!image_is_cached(image))
		return stat(image->source, &st) == 0 ? (uint64_t)st.st_size : 0;
	return cache_look(config, image->sha256, &entry) == 0 ? entry.size : 0;
}

/* The last block. */
static void fetch_end(const struct config *config, const struct telling *telling, uint64_t since,
                      const struct failure *why)
{
	const struct image *image = telling->image;
	struct kv block = {0};
	int rc = kv_set(&block, "state", why->code ? "failed" : "present");

	if (rc == 0)
		rc = kv_set(&block, "image", telling->name);
	if (rc == 0)
		rc = kv_set(&block, "digest", image->sha256[0] ? image->sha256 : NULL);
	if (rc == 0 && why->code == 0)
		rc = set_number(&block, "size", fetch_size(config, image));
	if (rc == 0)
		rc = kv_set(&block, "fetched", telling->fetched && why->code == 0 ? "yes" : "no");
	if (rc == 0)
		rc = kv_setf(&block, "ms", "%" PRIu64, clock_steady() - since);
	if (rc == 0 && why->code)
		rc = kv_set(&block, "message", why->message);
	if (rc == 0)
		(void)fetch_put(&block);
	kv_free(&block);
}

/* An image that may be fetched, for this caller. */
static int fetch_load(const struct caller *caller, const char *name, struct config *config, struct image *image,
                      struct failure *why)
{
	int rc = config_load(config, why);

	if (rc == 0)
		rc = image_load(image, name, why);
	if (rc == 0)
		rc = fetch_allowed(config, image, caller, why);
	return rc == 0 ? image_check_files(image, why) : rc;
}

/* A failure from then on is the caller's: with a source that fails, no user has the node ask, and log, without end. */
static uint64_t fetch_since(const struct caller *caller)
{
	return clock_wall() - (caller->uid == 0 ? 0 : AGAIN_MS);
}

/* It is here in the end, as it was verified and as this entry of the catalogue has it. */
static int fetch_image(const struct config *config, const struct image *image, uint64_t since, struct telling *telling,
                       struct failure *why)
{
	struct failure ignored = {0};
	int rc;

	/* one that has changed on the disk goes into quarantine, and is fetched anew */
	(void)cache_verify(config, image, false, &ignored);
	rc = cache_fetch(config, image, since, fetch_report, telling, why);
	if (rc == 0)
		rc = cache_verify(config, image, false, why);
	return rc == -ENOENT ? 0 : rc;
}

int verb_fetch(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct config config;
	static struct image image;
	struct telling telling = {.image = &image, .name = args->value[ARG_IMAGE]};
	uint64_t begin = clock_steady();
	int rc = fetch_load(caller, telling.name, &config, &image, why);

	if (rc == 0 && image_is_cached(&image)) {
		rc = fetch_slot(caller, why);
		if (rc == 0) {
			harden_deadline("wnodes-helper: the image did not come in time\n",
			                (unsigned int)config.fetch_timeout + EXTRA_S);
			rc = fetch_image(&config, &image, fetch_since(caller), &telling, why);
		}
	}
	/* nobody listens any more */
	if (rc < 0 && why->code == 0)
		return EXIT_NODE;
	failure_drop_option(why);
	fetch_end(&config, &telling, begin, why);
	return why->code;
}
