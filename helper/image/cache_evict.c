/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking things out of the cache: by hand, by age, by size, and what has changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/image/cache.h"
#include "helper/image/cache_folder.h"
#include "helper/image/fetcher.h"
#include "helper/image/part.h"

#define IDLE_SECONDS (7L * 86400L) /* after which a download that stopped, or a quarantined base, is of no use */
#define BLOCK 512U                 /* bytes of st_blocks' unit */

static int evict_part(const struct cache *cache, const char *digest)
{
	struct stat st;
	int lock;

	if (fstatat(cache->part, digest, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	lock = part_lock(cache, digest);
	if (lock < 0)
		return lock;
	part_remove(cache, digest);
	close(lock);
	return 0;
}

int cache_evict(const struct config *config, const char *digest, struct failure *why)
{
	struct cache cache;
	int rc = str_is_sha256(digest) ? cache_open(&cache, config) : -EINVAL;

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the image cache %s: %s", config->cache_dir, strerror(-rc));
	rc = cache_take_away(&cache, digest);
	if (rc == -EBUSY) {
		(void)failure_set(why, EXIT_NODE, "jobs on this node boot from it");
	} else if (rc == -ENOENT) {
		rc = evict_part(&cache, digest);
		if (rc == -EBUSY)
			(void)failure_set(why, EXIT_NODE, "it is being fetched");
	}
	if (rc < 0 && rc != -EBUSY && rc != -ENOENT)
		rc = failure_set(why, EXIT_NODE, "cannot be removed from %s: %s", config->cache_dir, strerror(-rc));
	cache_close(&cache);
	return rc;
}

/* Something that can go. */
enum kind { QUARANTINED, STOPPED, BASE }; /* in the order in which they go */

struct item {
	char name[CACHE_NAME];
	enum kind kind;
	time_t used;
	uint64_t bytes;
};

struct items {
	struct item *list;
	size_t count;
	uint64_t bytes; /* of all, also of what cannot go */
};

static int items_add(struct items *items, const struct item *item)
{
	struct item *grown = reallocarray(items->list, items->count + 1, sizeof(*item));

	if (!grown)
		return -ENOMEM;
	items->list = grown;
	grown[items->count++] = *item;
	return 0;
}

static int items_read(struct items *items, int dirfd, enum kind kind)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct item item = {.kind = kind};
	struct stat st;
	int rc = 0;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		if (str_print(item.name, sizeof(item.name), "%s", entry->d_name) < 0 ||
		    (kind != QUARANTINED && !str_is_sha256(item.name)) ||
		    fstatat(dirfd, item.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		item.used = kind == BASE ? st.st_atim.tv_sec : kind == STOPPED ? st.st_mtim.tv_sec : st.st_ctim.tv_sec;
		item.bytes = (uint64_t)st.st_blocks * BLOCK;
		items->bytes += item.bytes;
		rc = items_add(items, &item);
	}
	closedir(folder);
	return rc;
}

static int item_compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->used > y->used) - (x->used < y->used);
}

/* Remove it where nobody uses it. */
static int item_remove(const struct cache *cache, const struct item *item)
{
	if (item->kind == QUARANTINED)
		return unlinkat(cache->quarantine, item->name, 0) < 0 ? -errno : 0;
	return item->kind == STOPPED ? evict_part(cache, item->name) : cache_take_away(cache, item->name);
}

static bool item_is_old(const struct config *config, const struct item *item, time_t now)
{
	time_t age = now - item->used;

	if (item->kind != BASE)
		return age > IDLE_SECONDS;
	return config->cache_age_max > 0 && age > (time_t)config->cache_age_max;
}

static int trim_items(const struct config *config, const struct cache *cache, struct items *items)
{
	time_t now = time(NULL);
	int first = 0;

	qsort(items->list, items->count, sizeof(items->list[0]), item_compare);
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->list[i];
		bool too_much = config->cache_size_max > 0 && items->bytes > config->cache_size_max;
		int rc;

		if (!item_is_old(config, item, now) &&
		    (!too_much || (item->kind == BASE && now - item->used < (time_t)CACHE_FRESH_SECONDS)))
			continue;
		rc = item_remove(cache, item);
		if (rc == 0) {
			items->bytes -= item->bytes;
			log_info("%s is removed from the image cache: %s", item->name,
			         too_much ? "[cache] size_max" : "it has not been used for long");
		} else if (rc != -EBUSY && rc != -ENOENT && first == 0) {
			first = rc;
		}
	}
	return first;
}

int cache_trim(const struct config *config)
{
	struct items items = {0};
	struct cache cache;
	int rc = cache_open(&cache, config);

	if (rc < 0)
		return rc;
	rc = items_read(&items, cache.quarantine, QUARANTINED);
	if (rc == 0)
		rc = items_read(&items, cache.part, STOPPED);
	if (rc == 0)
		rc = items_read(&items, cache.base, BASE);
	if (rc == 0 && items.count > 0)
		rc = trim_items(config, &cache, &items);
	free(items.list);
	cache_close(&cache);
	return rc;
}

/* Whether fd still has the digest. Returns 0, -ESTALE, or -EIO with why. */
static int verify_digest(int fd, const char *digest, struct failure *why)
{
	struct fetcher fetcher;
	char hex[65] = "";
	int rc = fetcher_open(&fetcher, why);

	if (rc == 0)
		rc = fetcher_digest(&fetcher, fd, hex, why);
	return rc == 0 && strcmp(hex, digest) != 0 ? -ESTALE : rc;
}

int cache_verify(const struct config *config, const struct image *image, bool deep, struct failure *why)
{
	const char *digest = image->sha256;
	struct cache_info info;
	struct cache cache;
	struct stat st;
	int fd = -1;
	int rc = cache_open(&cache, config);

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the image cache %s: %s", config->cache_dir, strerror(-rc));
	fd = openat(cache.base, digest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		rc = errno == ENOENT ? -ENOENT : failure_set(why, EXIT_NODE, "base/%s: %s", digest, strerror(errno));
		goto out;
	}
	rc = cache_info_load(&cache, digest, &info);
	if (rc < 0 || fstat(fd, &st) < 0 || !cache_is_as_it_was(&info, &st))
		rc = -ESTALE;
	else if (deep)
		rc = verify_digest(fd, digest, why);
	if (rc == -ESTALE) {
		(void)cache_quarantine(&cache, digest, "has changed on the disk");
		(void)failure_set(
		        why, EXIT_NODE,
		        "image %s: its base %s had changed on the disk; it is in quarantine, and the next job "
		        "fetches it again",
		        image->entry, digest);
	}
	if (rc == 0)
		rc = cache_check_entry(config, image, &info, why);
out:
	if (fd >= 0)
		close(fd);
	cache_close(&cache);
	return rc;
}
