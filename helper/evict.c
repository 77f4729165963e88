/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evict: remove images from the node's cache, unless jobs boot from them; a block for each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/exitcode.h"
#include "helper/answer.h"
#include "helper/config.h"
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
	if (strlen(digest) != 64 || strspn(digest, "0123456789abcdef") != 64)
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

/* Remove one; whether it is gone now. */
static bool evict_one(const struct config *config, const char *digest)
{
	static struct cache_entry entry;
	struct failure why = {0};
	struct kv block = {0};
	const char *result = "evicted";
	int rc;

	(void)cache_look(config, digest, &entry);
	rc = cache_evict(config, digest, &why);
	if (rc == -ENOENT)
		result = "absent";
	else if (rc < 0)
		result = rc == -EBUSY ? "in use" : "failed";
	if (kv_set(&block, "digest", digest) == 0 &&
	    kv_set(&block, "image", entry.image[0] ? entry.image : NULL) == 0 &&
	    (entry.size == 0 || kv_setf(&block, "size", "%llu", (unsigned long long)entry.size) == 0) &&
	    kv_set(&block, "result", result) == 0 && kv_set(&block, "message", why.code ? why.message : NULL) == 0)
		answer_put(&block);
	kv_free(&block);
	return rc == 0 || rc == -ENOENT;
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
		done = evict_one(&config, digests.list[i]) && done;
	free(digests.list);
	if (rc == 0)
		rc = answer_flush(why);
	if (rc < 0)
		return why->code;
	return done ? 0 : EXIT_NODE;
}
