/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/cache_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/fs.h"

#define LOCK_MS 5000U

int cache_open(struct cache *cache, const struct config *config)
{
	static const char *const names[] = {"base", "part", "use", "evict", "quarantine"};
	int *const fds[] = {&cache->base, &cache->part, &cache->use, &cache->evict, &cache->quarantine};
	struct stat st;
	int rc = 0;

	*cache = (struct cache){-1, -1, -1, -1, -1, -1};
	cache->top = fs_open_folder(config->cache_dir, 0700);
	if (cache->top < 0)
		return cache->top;
	/* an image with restricted users needs no other mode than that of what is above it */
	if (fstat(cache->top, &st) < 0 || ((st.st_mode & 077) != 0 && fchmod(cache->top, 0700) < 0))
		rc = -errno;
	for (size_t i = 0; rc == 0 && i < sizeof(fds) / sizeof(fds[0]); i++) {
		*fds[i] = fs_open_child(cache->top, names[i], true, 0700);
		rc = *fds[i] < 0 ? *fds[i] : 0;
	}
	if (rc < 0)
		cache_close(cache);
	return rc;
}

void cache_close(struct cache *cache)
{
	int *const fds[] = {&cache->top, &cache->base, &cache->part, &cache->use, &cache->evict, &cache->quarantine};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

int cache_lock(const struct cache *cache, unsigned int ms)
{
	int fd = openat(cache->top, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : fs_lock(fd, ms);

	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

const char *cache_name(char *name, const char *digest, const char *suffix)
{
	(void)str_print(name, CACHE_NAME, "%.64s%s", digest, suffix);
	return name;
}

bool cache_has(const struct cache *cache, const char *digest)
{
	return faccessat(cache->base, digest, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

uint64_t cache_mtime(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000U + (uint64_t)st->st_mtim.tv_nsec;
}

int cache_info_load(const struct cache *cache, const char *digest, struct cache_info *info)
{
	const char *format, *image;
	char name[CACHE_NAME];
	struct kv kv = {0};
	int rc = kv_load(&kv, cache->base, cache_name(name, digest, ".info"));

	*info = (struct cache_info){0};
	if (rc < 0)
		return rc;
	format = kv_get(&kv, "format");
	image = kv_get(&kv, "image");
	if (kv_get_u64(&kv, "size", 0, UINT64_MAX, &info->size) < 0 ||
	    kv_get_u64(&kv, "mtime", 0, UINT64_MAX, &info->mtime) < 0 ||
	    kv_get_u64(&kv, "virtual_size", 1, UINT64_MAX, &info->virtual_size) < 0 || !format || !image ||
	    str_print(info->format, sizeof(info->format), "%s", format) < 0 ||
	    str_print(info->image, sizeof(info->image), "%s", image) < 0)
		rc = -EINVAL;
	kv_free(&kv);
	return rc;
}

int cache_info_save(const struct cache *cache, const char *digest, const struct cache_info *info)
{
	char name[CACHE_NAME];
	struct kv kv = {0};
	int rc = kv_setf(&kv, "size", "%" PRIu64, info->size);

	if (rc == 0)
		rc = kv_setf(&kv, "mtime", "%" PRIu64, info->mtime);
	if (rc == 0)
		rc = kv_setf(&kv, "virtual_size", "%" PRIu64, info->virtual_size);
	if (rc == 0)
		rc = kv_set(&kv, "format", info->format);
	if (rc == 0)
		rc = kv_set(&kv, "image", info->image);
	if (rc == 0)
		rc = kv_save(&kv, cache->base, cache_name(name, digest, ".info"), 0600, 1);
	kv_free(&kv);
	return rc;
}

bool cache_is_as_it_was(const struct cache_info *info, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && (st->st_mode & 0222) == 0 &&
	       (uint64_t)st->st_size == info->size && cache_mtime(st) == info->mtime;
}

int cache_quarantine(const struct cache *cache, const char *digest, const char *what)
{
	char name[CACHE_NAME], info[CACHE_NAME];
	int lock = cache_lock(cache, LOCK_MS);
	int rc = 0;

	if (lock < 0)
		return lock;
	(void)str_print(name, sizeof(name), "%.64s.%" PRIu64, digest, clock_wall());
	if (renameat(cache->base, digest, cache->quarantine, name) < 0)
		rc = errno == ENOENT ? 0 : -errno;
	else
		log_error("the base %s %s: it is kept as quarantine/%s in the cache, and the image is fetched again",
		          digest, what, name);
	if (rc == 0)
		(void)unlinkat(cache->base, cache_name(info, digest, ".info"), 0);
	close(lock);
	return rc;
}

/* Under the lock: away with evict/DIGEST, or back to where it was. */
static int cache_finish_away(const struct cache *cache, const char *digest)
{
	char info[CACHE_NAME];
	struct stat st;

	if (fstatat(cache->evict, digest, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* a link that is made from here on holds the file by itself */
	if (st.st_nlink > 1)
		return renameat(cache->evict, digest, cache->base, digest) < 0 ? -errno : -EBUSY;
	if (unlinkat(cache->evict, digest, 0) < 0)
		return -errno;
	(void)unlinkat(cache->base, cache_name(info, digest, ".info"), 0);
	return 0;
}

int cache_take_away(const struct cache *cache, const char *digest)
{
	int lock = cache_lock(cache, LOCK_MS);
	int rc;

	if (lock < 0)
		return lock;
	/* from here on nobody links to it */
	if (renameat(cache->base, digest, cache->evict, digest) < 0)
		rc = -errno;
	else
		rc = cache_finish_away(cache, digest);
	close(lock);
	return rc;
}
