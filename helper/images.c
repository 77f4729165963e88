/* SPDX-License-Identifier: GPL-2.0-or-later */
/* images: the catalogue as its caller may use it, and what of it is on this node; a block an image. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/url.h"
#include "helper/answer.h"
#include "helper/config.h"
#include "helper/fs.h"
#include "helper/identity.h"
#include "helper/image/cache.h"
#include "helper/image/catalogue.h"
#include "helper/image/names.h"
#include "helper/policy.h"
#include "helper/verbs.h"

/* The URLs of text, which is no longer than a catalogue's, for people. */
static int images_sources(const char *text, struct kv *block)
{
	char shown[IMAGE_SOURCES], *to = shown;

	*to = 0;
	while (*text) {
		size_t length = strcspn(text, " ");

		to = url_show(to, text, length);
		text += length;
		if (*text)
			*to++ = *text++;
	}
	*to = 0;
	return kv_set(block, "source", shown);
}

/* What the cache has of it; how many jobs use it is for root. */
static int images_cached(const struct config *config, const struct image *image, bool root, struct kv *block)
{
	static const char *const states[] = {"absent", "fetching", "present"};
	static struct cache_entry entry;
	const struct cache_progress *progress = &entry.progress;
	bool fetching;
	int rc;

	(void)cache_look(config, image->sha256, &entry);
	fetching = entry.presence == CACHE_FETCHING;
	rc = kv_set(block, "state", states[entry.presence]);
	if (rc == 0 && entry.presence == CACHE_PRESENT)
		rc = kv_setf(block, "size", "%" PRIu64, entry.size);
	if (rc == 0 && entry.presence == CACHE_PRESENT)
		rc = kv_setf(block, "virtual_size", "%" PRIu64, entry.virtual_size);
	if (rc == 0 && fetching)
		rc = kv_setf(block, "transferred", "%" PRIu64, progress->transferred);
	if (rc == 0 && fetching && progress->total)
		rc = kv_setf(block, "total", "%" PRIu64, progress->total);
	if (rc == 0 && fetching && progress->rate)
		rc = kv_setf(block, "rate", "%" PRIu64, progress->rate);
	if (rc == 0 && root && entry.presence == CACHE_PRESENT)
		rc = kv_setf(block, "used", "%" PRIu64, entry.used);
	if (rc == 0 && root && entry.presence == CACHE_PRESENT)
		rc = kv_setf(block, "jobs", "%u", entry.users);
	return rc;
}

/* An image that is used where it lies. */
static int images_place(const struct image *image, struct kv *block)
{
	struct stat st;
	int rc = stat(image->source, &st) == 0 ? kv_setf(block, "size", "%" PRIu64, (uint64_t)st.st_size) : 0;

	return rc == 0 ? kv_set(block, "state", "present") : rc;
}

static int images_broken(struct failure *why, struct kv *block)
{
	int rc = kv_set(block, "state", "broken");

	failure_drop_option(why);
	return rc == 0 ? kv_set(block, "message", why->message) : rc;
}

/* Whether the caller may use it; root may see who does. */
static int images_policy(const struct config *config, const struct image *image, const struct caller *caller,
                         const struct kv *identity, struct kv *block)
{
	const struct {
		const char *key, *list;
	} rules[] = {{"users", caller->uid == 0 ? image->users : ""},
	             {"groups", image->groups},
	             {"accounts", image->accounts},
	             {"partitions", image->partitions}};
	struct failure why = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
		rc = kv_set(block, rules[i].key, rules[i].list[0] ? rules[i].list : NULL);
	if (rc < 0 || caller->uid == 0)
		return rc;
	if (policy_user(config, image, kv_get(identity, "user"), kv_get(identity, "groups"), &why) == 0)
		return kv_set(block, "allowed", "yes");
	rc = kv_set(block, "allowed", "no");
	failure_drop_option(&why);
	return rc == 0 ? kv_set(block, "why", why.message) : rc;
}

static int images_describe(const struct config *config, const char *name, const struct caller *caller,
                           const struct kv *identity, struct kv *block)
{
	static struct image image;
	struct failure why = {0};
	int rc = kv_set(block, "name", name);

	if (rc == 0 && image_load(&image, name, &why) < 0)
		return images_broken(&why, block);
	if (rc == 0)
		rc = kv_set(block, "digest", image.sha256[0] ? image.sha256 : NULL);
	if (rc == 0 && strcmp(image.entry, name) != 0)
		rc = kv_set(block, "alias", image.entry);
	if (rc == 0)
		rc = images_sources(image_is_cached(&image) ? image.sources : image.source, block);
	if (rc == 0)
		rc = kv_set(block, "format", image.format);
	if (rc == 0 && image_check_files(&image, &why) < 0)
		rc = images_broken(&why, block);
	else if (rc == 0 && image_is_cached(&image))
		rc = images_cached(config, &image, caller->uid == 0, block);
	else if (rc == 0)
		rc = images_place(&image, block);
	return rc == 0 ? images_policy(config, &image, caller, identity, block) : rc;
}

int verb_images(const struct caller *caller, const struct args *args, struct failure *why)
{
	static struct config config;
	struct image_names names = {0};
	struct kv identity = {0};
	int rc = config_load(&config, why);

	(void)args;
	if (rc == 0 && caller->uid != 0)
		rc = identity_user(caller->uid, caller->gid, &identity, why);
	if (rc == 0) {
		rc = image_names_load(&names);
		if (rc < 0)
			(void)failure_set(why, EXIT_NODE, WNODES_IMAGES_D ": %s", fs_error(rc));
	}
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		struct kv block = {0};

		if (images_describe(&config, names.list[i], caller, &identity, &block) < 0)
			rc = failure_set(why, EXIT_NODE, "image %s cannot be described: out of memory", names.list[i]);
		else
			answer_put(&block);
		kv_free(&block);
	}
	image_names_free(&names);
	kv_free(&identity);
	if (rc == 0)
		rc = answer_flush(why);
	return rc < 0 ? why->code : 0;
}
