/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evict: remove images from the node's cache, unless jobs boot from them, and
 * what was written of them into the thin pool; a block for each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/answer.h"
#include "helper/config.h"
#include "helper/disk/thin_base.h"
#include "helper/image/cache.h"
#include "helper/image/catalogue.h"
#include "helper/verbs.h"

struct digests {
	char (*list)[65];
	size_t count;
};

static int add(struct digests *digests, const char *digest)
{
	char(*list)[65] = reallocarray(digests->list, digests->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	digests->list = list;
	memcpy(list[digests->count], digest, 65);
	digests->count++;
	return 0;
}

static int add_entry(void *context, const struct cache_entry *entry)
{
	return add(context, entry->digest);
}

static int find_image(const char *name, struct digests *digests, struct failure *why)
{
	static struct image image;
	if (image_load(&image, name, why) < 0) {
		failure_drop_option(why);
		return -EINVAL;
	}
	if (!image_is_cached(&image))
		return failure_set(why, EXIT_USAGE, "image %s is used where it lies: it is not in the cache", name);
	return add(digests, image.sha256) < 0 ? failure_set(why, EXIT_NODE, "out of memory") : 0;
}

static int find_digest(const char *digest, struct digests *digests, struct failure *why)
{
	if (!str_is_sha256(digest))
		return failure_set(why, EXIT_USAGE, "--digest: '%.64s' is not 64 digits of 0-9a-f", digest);
	return add(digests, digest) < 0 ? failure_set(why, EXIT_NODE, "out of memory") : 0;
}

static int find(const struct config *config, const struct args *args, struct digests *digests, struct failure *why)
{
	int rc;

	if (!args->value[ARG_IMAGE] + !args->value[ARG_DIGEST] + !args->value[ARG_ALL] != 2)
		return failure_set(why, EXIT_USAGE, "evict wants --image NAME, --digest HEX or --all");
	if (args->value[ARG_IMAGE])
		return find_image(args->value[ARG_IMAGE], digests, why);
	if (args->value[ARG_DIGEST])
		return find_digest(args->value[ARG_DIGEST], digests, why);
	rc = cache_list(config, add_entry, digests);
	return rc < 0 ? failure_set(why, EXIT_NODE, "%s: %s", config->cache_dir, strerror(-rc)) : 0;
}

static void put(struct kv *block, const char *digest, int rc, const struct failure *why)
{
	const char *result = rc == 0 ? "evicted" : rc == -ENOENT ? "absent" : rc == -EBUSY ? "in use" : "failed";

	if (kv_set(block, "digest", digest) == 0 && kv_set(block, "result", result) == 0 &&
	    kv_set(block, "message", why->code ? why->message : NULL) == 0)
		answer_put(block);
}

/* Remove one from the cache. Returns what cache_evict() does. */
static int evict_one(const struct config *config, const char *digest)
{
	static struct cache_entry entry;
	struct failure why = {0};
	struct kv block = {0};
	int rc;

	(void)cache_look(config, digest, &entry);
	rc = cache_evict(config, digest, &why);
	if (kv_set(&block, "image", entry.image[0] ? entry.image : NULL) == 0 &&
	    (entry.size == 0 || kv_setf(&block, "size", "%llu", (unsigned long long)entry.size) == 0))
		put(&block, digest, rc, &why);
	kv_free(&block);
	return rc;
}

/* Remove its base in the thin pool, where it has one. Returns what thin_base_remove() does. */
static int evict_base(const struct config *config, const char *digest)
{
	const char *pool = config->disk.thin_pool;
	struct failure why = {0};
	struct kv block = {0};
	int rc = pool[0] ? thin_base_remove(pool, digest, &why) : -ENOENT;

	if (rc != -ENOENT && kv_set(&block, "image", pool) == 0)
		put(&block, digest, rc, &why);
	kv_free(&block);
	return rc;
}

static bool is_gone(int rc)
{
	return rc == 0 || rc == -ENOENT;
}

/*
 * Remove those bases in the thin pool that no digest here has: of images that
 * the cache has forgotten. Whether all are gone.
 */
static bool evict_others(const struct config *config, const struct digests *digests)
{
	static char list[32768];
	const char *pool = config->disk.thin_pool;
	struct failure why = {0};
	struct kv block = {0};
	char *save = NULL;
	bool done = true;

	if (pool[0] && thin_base_list(pool, list, sizeof(list), &why) < 0) {
		if (kv_set(&block, "image", pool) == 0)
			put(&block, "-", -EIO, &why);
		kv_free(&block);
		return false;
	}
	for (char *digits = strtok_r(list, "\n", &save); digits; digits = strtok_r(NULL, "\n", &save)) {
		size_t i = 0;

		while (i < digests->count && strncmp(digests->list[i], digits, THIN_DIGITS) != 0)
			i++;
		if (i == digests->count)
			done = is_gone(evict_base(config, digits)) && done;
	}
	return done;
}

int verb_evict(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct config config;
	struct digests digests = {0};
	bool done = true;
	int rc = config_load(&config, why);

	(void)caller;
	if (rc == 0)
		rc = find(&config, args, &digests, why);
	for (size_t i = 0; rc == 0 && i < digests.count; i++)
		done = is_gone(evict_one(&config, digests.list[i])) && is_gone(evict_base(&config, digests.list[i])) &&
		       done;
	if (rc == 0 && args->value[ARG_ALL])
		done = evict_others(&config, &digests) && done;
	free(digests.list);
	if (rc == 0)
		rc = answer_flush(why);
	if (rc < 0)
		return why->code;
	return done ? 0 : EXIT_NODE;
}
