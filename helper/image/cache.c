/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Using what is in the cache, and waiting for what is not. */
#include "helper/image/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/image/cache_folder.h"
#include "helper/image/keeper.h"
#include "helper/image/part.h"
#include "helper/journal.h"

#define LOOK_MS 100U /* what an image that comes in a second can wait for */
#define REPORT_MS 1000U
#define START_MS 5000U /* between two keepers that one waiter starts */

static int cache_fail(const struct config *config, int rc, struct failure *why)
{
	return failure_set(why, EXIT_NODE, "the image cache %s: %s", config->cache_dir, fs_error(rc));
}

/* The base that link names, seen to be what was verified: 0; -ESTALE: it has changed; -ENOENT: it was taken away. */
static int cache_check_link(const struct cache *cache, const char *link, const char *digest, struct cache_info *info)
{
	static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct stat st;
	int fd = openat(cache->use, link, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = cache_info_load(cache, digest, info);
	if (rc == -EINVAL || (rc == 0 && (fstat(fd, &st) < 0 || !cache_is_as_it_was(info, &st))))
		rc = -ESTALE;
	if (rc == 0 && futimens(fd, now) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int cache_check_entry(const struct config *config, const struct image *image, const struct cache_info *info,
                      struct failure *why)
{
	uint64_t size_max = image->size_max ? image->size_max : config->fetch_size_max;
	uint64_t virtual_max = image->virtual_size_max ? image->virtual_size_max : config->fetch_virtual_size_max;

	if (strcmp(info->format, image->format) != 0)
		return failure_set(why, EXIT_NODE,
		                   "image %s: format = %s, but what has its sha256 was verified as %s: correct the "
		                   "entry, or evict it",
		                   image->entry, image->format, info->format);
	if (info->size > size_max)
		return failure_set(why, EXIT_NODE,
		                   "image %s: %" PRIu64 " bytes, which is more than its size_max, %" PRIu64,
		                   image->entry, info->size, size_max);
	if (info->virtual_size > virtual_max)
		return failure_set(why, EXIT_NODE,
		                   "image %s: a disk of %" PRIu64
		                   " bytes, which is more than its virtual_size_max, %" PRIu64,
		                   image->entry, info->virtual_size, virtual_max);
	return 0;
}

/* Make the link, whose journal's line is on the disk; 0 or a negative errno. */
static int cache_link(const struct cache *cache, const char *digest, const char *link)
{
	if (linkat(cache->base, digest, cache->use, link, 0) == 0)
		return 0;
	/* this job's own, of an earlier try */
	if (errno != EEXIST || unlinkat(cache->use, link, 0) < 0)
		return -errno;
	return linkat(cache->base, digest, cache->use, link, 0) < 0 ? -errno : 0;
}

static int cache_take(const struct cache *cache, const struct image *image, const struct record *record,
                      const char *path, struct cache_info *info)
{
	const char *link = strrchr(path, '/') + 1;
	int rc = cache_has(cache, image->sha256) ? journal_append(record->dirfd, "use", path) : -ENOENT;

	if (rc == 0)
		rc = cache_link(cache, image->sha256, link);
	if (rc == 0) {
		rc = cache_check_link(cache, link, image->sha256, info);
		if (rc < 0)
			(void)unlinkat(cache->use, link, 0);
	}
	if (rc == -ESTALE) {
		rc = cache_quarantine(cache, image->sha256, "has changed on the disk");
		rc = rc < 0 ? rc : -ENOENT;
	}
	return rc;
}

int cache_use(const struct config *config, const struct image *image, const struct record *record, char *path,
              struct failure *why)
{
	const struct record_id *id = &record->id;
	struct cache_info info = {0};
	struct cache cache;
	int rc = str_print(path, PATH_MAX, "%s/use/%s-%" PRIu32 ".%" PRIu32, config->cache_dir, id->node, id->job,
	                   id->restart);

	if (rc == 0)
		rc = cache_open(&cache, config);
	if (rc != 0)
		return cache_fail(config, rc, why);
	rc = cache_take(&cache, image, record, path, &info);
	cache_close(&cache);
	if (rc == 0)
		return cache_check_entry(config, image, &info, why);
	return rc == -ENOENT ? rc : cache_fail(config, rc, why);
}

int cache_release(const char *argument)
{
	char folder[PATH_MAX];
	const char *name = fs_split(argument, folder);
	size_t length = name ? strlen(folder) : 0;
	int rc = 0;
	int fd;

	/* only ever a link in use/: the journal is trusted, and held to its word all the same */
	if (!name || length < 5 || strcmp(folder + length - 4, "/use") != 0)
		return -EINVAL;
	fd = fs_open_folder(folder, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (unlinkat(fd, name, 0) < 0 && errno != ENOENT)
		rc = -errno;
	close(fd);
	return rc;
}

/* Start a keeper where there is neither a base nor one at work. Returns 0 or -EIO with why. */
static int cache_start_keeper(const struct config *config, const struct image *image, const struct cache *cache,
                              struct failure *why)
{
	int lock = part_lock(cache, image->sha256);
	int rc;

	if (lock == -EBUSY)
		return 0;
	if (lock < 0)
		return cache_fail(config, lock, why);
	/* it may have come, or come back, while nobody held the lock; the keeper looks once more, too */
	rc = cache_has(cache, image->sha256) ? 0 : keeper_start(config, image, lock, why);
	close(lock);
	return rc;
}

int cache_start(const struct config *config, const struct image *image, struct failure *why)
{
	struct cache cache;
	int rc = cache_open(&cache, config);

	if (rc < 0)
		return cache_fail(config, rc, why);
	if (!cache_has(&cache, image->sha256))
		rc = cache_start_keeper(config, image, &cache, why);
	cache_close(&cache);
	return rc;
}

/* What a waiter knows. Times are of the steady clock. */
struct wait {
	const struct config *config;
	const struct image *image;
	struct cache cache;
	uint64_t since, deadline, next_start, next_report;
	cache_report *report;
	void *context;
};

/* One look: 1 where it is there, 0 to look again, or a negative errno. */
static int wait_look(struct wait *wait, struct failure *why)
{
	const char *digest = wait->image->sha256;
	uint64_t now = clock_steady();
	struct cache_progress progress;
	int rc = 0;

	if (cache_has(&wait->cache, digest))
		return 1;
	if (part_has_failed(&wait->cache, wait->image, wait->since, why))
		return -EIO;
	if (now >= wait->deadline)
		return failure_set(why, EXIT_NODE,
		                   "image %s: not fetched within %" PRIu64
		                   " s ([fetch] timeout): fetch it before the job "
		                   "(wnodes fetch %s), or allow more time",
		                   wait->image->entry, wait->config->fetch_timeout, wait->image->entry);
	if (now >= wait->next_start && !part_is_locked(&wait->cache, digest)) {
		wait->next_start = now + START_MS;
		rc = cache_start_keeper(wait->config, wait->image, &wait->cache, why);
	}
	if (rc == 0 && wait->report && now >= wait->next_report) {
		wait->next_report = now + REPORT_MS;
		part_load_progress(&wait->cache, digest, &progress);
		rc = wait->report(wait->context, &progress);
	}
	return rc;
}

int cache_fetch(const struct config *config, const struct image *image, uint64_t since, cache_report *report,
                void *context, struct failure *why)
{
	struct wait wait = {.config = config,
	                    .image = image,
	                    .since = since,
	                    .deadline = clock_steady() + config->fetch_timeout * 1000,
	                    .report = report,
	                    .context = context};
	int rc = cache_open(&wait.cache, config);

	if (rc < 0)
		return cache_fail(config, rc, why);
	while ((rc = wait_look(&wait, why)) == 0)
		clock_nap(LOOK_MS);
	cache_close(&wait.cache);
	return rc < 0 ? rc : 0;
}

static void cache_look_into(const struct cache *cache, const char *digest, struct cache_entry *entry)
{
	struct cache_info info;
	struct stat st;

	*entry = (struct cache_entry){0};
	(void)str_print(entry->digest, sizeof(entry->digest), "%.64s", digest);
	if (fstatat(cache->base, digest, &st, AT_SYMLINK_NOFOLLOW) == 0 && cache_info_load(cache, digest, &info) == 0) {
		entry->presence = CACHE_PRESENT;
		entry->size = info.size;
		entry->virtual_size = info.virtual_size;
		memcpy(entry->image, info.image, sizeof(entry->image));
		entry->used = (uint64_t)st.st_atim.tv_sec * 1000 + (uint64_t)st.st_atim.tv_nsec / 1000000;
		entry->users = (unsigned int)st.st_nlink - 1;
		return;
	}
	part_load_progress(cache, digest, &entry->progress);
	if (part_is_locked(cache, digest))
		entry->presence = CACHE_FETCHING;
}

int cache_look(const struct config *config, const char *digest, struct cache_entry *entry)
{
	struct cache cache;
	int rc = str_is_sha256(digest) ? cache_open(&cache, config) : -EINVAL;

	*entry = (struct cache_entry){0};
	if (rc < 0)
		return rc;
	cache_look_into(&cache, digest, entry);
	cache_close(&cache);
	return 0;
}

/* Call each for the names in a folder that are digests; those with a base are left out of part/. */
static int cache_list_folder(const struct cache *cache, int dirfd, cache_each *each, void *context)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *name;
	struct cache_entry entry;
	int rc = 0;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while (rc == 0 && (name = readdir(folder)) != NULL) {
		if (!str_is_sha256(name->d_name) || (dirfd == cache->part && cache_has(cache, name->d_name)))
			continue;
		cache_look_into(cache, name->d_name, &entry);
		rc = each(context, &entry);
	}
	closedir(folder);
	return rc;
}

int cache_list(const struct config *config, cache_each *each, void *context)
{
	struct cache cache;
	int rc = cache_open(&cache, config);

	if (rc < 0)
		return rc;
	rc = cache_list_folder(&cache, cache.base, each, context);
	if (rc == 0)
		rc = cache_list_folder(&cache, cache.part, each, context);
	cache_close(&cache);
	return rc;
}
