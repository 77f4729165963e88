/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a power loss or a kill left behind in the cache. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/str.h"
#include "helper/image/cache.h"
#include "helper/image/cache_folder.h"
#include "helper/image/part.h"

#define LOCK_MS 5000U
#define FAILED_SECONDS 86400L /* how long a failure may be worth a look */

/* Put one thing of a folder right; 0 or a negative errno. */
typedef int repair(const struct cache *cache, const char *name);

static int repair_folder(const struct cache *cache, int dirfd, repair *put_right)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int first = 0;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while ((entry = readdir(folder)) != NULL) {
		int rc = entry->d_name[0] == '.' ? 0 : put_right(cache, entry->d_name);

		if (rc < 0 && rc != -EBUSY && rc != -ENOENT && first == 0)
			first = rc;
	}
	closedir(folder);
	return first;
}

/* An eviction that was cut short: a base that jobs use comes back, another goes. */
static int repair_evict(const struct cache *cache, const char *name)
{
	char info[CACHE_NAME];
	struct stat st;
	int lock = cache_lock(cache, LOCK_MS);
	int rc = 0;

	if (lock < 0)
		return lock;
	if (!str_is_sha256(name) || cache_has(cache, name)) {
		/* fetched again meanwhile: who uses the old file has a name of his own for it */
		rc = unlinkat(cache->evict, name, 0) < 0 ? -errno : 0;
	} else if (fstatat(cache->evict, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1) {
		rc = renameat(cache->evict, name, cache->base, name) < 0 ? -errno : 0;
	} else {
		rc = unlinkat(cache->evict, name, 0) < 0 ? -errno : 0;
		(void)unlinkat(cache->base, cache_name(info, name, ".info"), 0);
	}
	close(lock);
	return rc;
}

/* A reference whose job's record is gone: NODE-JOB.RESTART. */
static int repair_use(const struct cache *cache, const char *name)
{
	struct record_id id = {0};
	struct record record;
	const char *dash = strrchr(name, '-');
	int rc = -ENOENT;

	if (dash && str_print(id.node, sizeof(id.node), "%.*s", (int)(dash - name), name) == 0 &&
	    str_is_name(id.node) && record_parse_name(dash + 1, &id.job, &id.restart) == 0) {
		rc = record_open(&record, &id);
		if (rc == 0)
			record_close(&record);
	}
	if (rc != -ENOENT)
		return rc;
	return unlinkat(cache->use, name, 0) < 0 ? -errno : 0;
}

/* Info without its base, and a base without its info, which nothing verified. */
static int repair_base(const struct cache *cache, const char *name)
{
	char digest[CACHE_NAME];
	struct cache_info info;
	int lock, rc;

	if (str_print(digest, sizeof(digest), "%.64s", name) < 0 || !str_is_sha256(digest))
		return unlinkat(cache->base, name, 0) < 0 ? -errno : 0;
	if (strcmp(name, digest) == 0)
		return cache_info_load(cache, digest, &info) < 0
		               ? cache_quarantine(cache, digest, "has nothing that says what it was")
		               : 0;
	/* a keeper writes it before it publishes; who takes a base away removes it after that */
	lock = part_lock(cache, digest);
	if (lock < 0)
		return lock;
	rc = cache_lock(cache, LOCK_MS);
	if (rc >= 0) {
		close(rc);
		rc = cache_has(cache, digest) && strcmp(name + 64, ".info") == 0 ? 0
		     : unlinkat(cache->base, name, 0) < 0                        ? -errno
		                                                                 : 0;
	}
	close(lock);
	return rc;
}

static bool repair_has_failed(const struct cache *cache, const char *digest)
{
	char name[CACHE_NAME];
	struct stat st;

	return fstatat(cache->part, cache_name(name, digest, ".failed"), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       time(NULL) - st.st_mtim.tv_sec < FAILED_SECONDS;
}

/* What is left of a download that nobody is at: nothing of it is needed where the image, or no data, is there. */
static int repair_part(const struct cache *cache, const char *name)
{
	char digest[CACHE_NAME];
	int lock;

	if (str_print(digest, sizeof(digest), "%.64s", name) < 0 || !str_is_sha256(digest))
		return unlinkat(cache->part, name, 0) < 0 ? -errno : 0;
	lock = part_lock(cache, digest);
	if (lock < 0)
		return lock;
	if (cache_has(cache, digest) ||
	    (faccessat(cache->part, digest, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && !repair_has_failed(cache, digest)))
		part_remove(cache, digest);
	close(lock);
	return 0;
}

int cache_repair(const struct config *config)
{
	struct cache cache;
	int rc = cache_open(&cache, config);
	int first;

	if (rc < 0)
		return rc;
	first = repair_folder(&cache, cache.evict, repair_evict);
	rc = repair_folder(&cache, cache.use, repair_use);
	first = first < 0 ? first : rc;
	rc = repair_folder(&cache, cache.base, repair_base);
	first = first < 0 ? first : rc;
	rc = repair_folder(&cache, cache.part, repair_part);
	first = first < 0 ? first : rc;
	cache_close(&cache);
	return first;
}
