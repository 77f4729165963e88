/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/image/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/kv.h"
#include "common/str.h"
#include "helper/fs.h"

int part_lock(const struct cache *cache, const char *digest)
{
	char name[CACHE_NAME];
	struct stat st;

	cache_name(name, digest, ".lock");
	for (int tries = 0; tries < 20; tries++) {
		int fd = openat(cache->part, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		int rc = fd < 0 ? -errno : fs_lock(fd, 0);

		/* who finishes removes the file: a lock on one without a name is none */
		if (rc == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return fd;
		if (fd >= 0)
			close(fd);
		if (rc < 0)
			return rc;
	}
	return -EBUSY;
}

bool part_is_locked(const struct cache *cache, const char *digest)
{
	char name[CACHE_NAME];
	int fd = openat(cache->part, cache_name(name, digest, ".lock"), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) < 0;
	close(fd);
	return locked;
}

int part_open(const struct cache *cache, const char *digest, const char *suffix, uid_t uid, gid_t gid)
{
	char name[CACHE_NAME];
	int rc = 0;
	int fd;

	cache_name(name, digest, suffix);
	fd = openat(cache->part, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = openat(cache->part, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fchown(fd, uid, gid) < 0)
		rc = -errno;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int part_save_progress(const struct cache *cache, const char *digest, const struct cache_progress *progress)
{
	char name[CACHE_NAME];
	struct kv kv = {0};
	int rc = kv_set(&kv, "source", progress->source);

	if (rc == 0)
		rc = kv_setf(&kv, "total", "%" PRIu64, progress->total);
	if (rc == 0)
		rc = kv_setf(&kv, "transferred", "%" PRIu64, progress->transferred);
	if (rc == 0)
		rc = kv_setf(&kv, "rate", "%" PRIu64, progress->rate);
	if (rc == 0)
		rc = kv_setf(&kv, "size", "%" PRIu64, progress->size);
	if (rc == 0)
		rc = kv_setf(&kv, "updated", "%" PRIu64, progress->updated);
	if (rc == 0)
		rc = kv_setf(&kv, "verifying", "%d", progress->verifying ? 1 : 0);
	if (rc == 0)
		rc = kv_setf(&kv, "pid", "%d", (int)getpid());
	if (rc == 0)
		rc = kv_save(&kv, cache->part, cache_name(name, digest, ".progress"), 0600, 0);
	kv_free(&kv);
	return rc;
}

static uint64_t part_number(const struct kv *kv, const char *key)
{
	uint64_t number = 0;

	return kv_get_u64(kv, key, 0, UINT64_MAX, &number) == 0 ? number : 0;
}

void part_load_progress(const struct cache *cache, const char *digest, struct cache_progress *progress)
{
	char name[CACHE_NAME];
	struct kv kv = {0};

	*progress = (struct cache_progress){0};
	if (kv_load(&kv, cache->part, cache_name(name, digest, ".progress")) < 0)
		return;
	(void)kv_get_text(&kv, "source", progress->source, sizeof(progress->source));
	progress->total = part_number(&kv, "total");
	progress->transferred = part_number(&kv, "transferred");
	progress->rate = part_number(&kv, "rate");
	progress->size = part_number(&kv, "size");
	progress->updated = part_number(&kv, "updated");
	progress->verifying = part_number(&kv, "verifying") != 0;
	kv_free(&kv);
}

void part_save_failure(const struct cache *cache, const struct image *image, const struct failure *why)
{
	char name[CACHE_NAME];
	struct kv kv = {0};

	if (kv_set(&kv, "entry", image->entry) == 0 && kv_setf(&kv, "code", "%d", why->code) == 0 &&
	    kv_set(&kv, "message", why->message) == 0 && kv_setf(&kv, "time", "%" PRIu64, clock_wall()) == 0)
		(void)kv_save(&kv, cache->part, cache_name(name, image->sha256, ".failed"), 0600, 0);
	kv_free(&kv);
}

bool part_has_failed(const struct cache *cache, const struct image *image, uint64_t since, struct failure *why)
{
	char name[CACHE_NAME];
	struct kv kv = {0};
	const char *message, *entry;
	uint64_t code, time;
	bool failed;

	if (kv_load(&kv, cache->part, cache_name(name, image->sha256, ".failed")) < 0)
		return false;
	message = kv_get(&kv, "message");
	entry = kv_get(&kv, "entry");
	failed = message && entry && strcmp(entry, image->entry) == 0 && kv_get_u64(&kv, "code", 1, 255, &code) == 0 &&
	         kv_get_u64(&kv, "time", since, UINT64_MAX, &time) == 0;
	if (failed)
		(void)failure_set(why, (int)code, "%s", message);
	kv_free(&kv);
	return failed;
}

static void part_unlink(const struct cache *cache, const char *digest, const char *const *suffixes, size_t count)
{
	char name[CACHE_NAME];

	for (size_t i = 0; i < count; i++)
		(void)unlinkat(cache->part, cache_name(name, digest, suffixes[i]), 0);
}

void part_remove_data(const struct cache *cache, const char *digest)
{
	/* the notes first: alone they are worth nothing, and say so */
	static const char *const suffixes[] = {".notes", "", ".progress", ".progress.new"};

	part_unlink(cache, digest, suffixes, sizeof(suffixes) / sizeof(suffixes[0]));
}

void part_remove(const struct cache *cache, const char *digest)
{
	/* the lock last: who waits for it finds nothing else */
	static const char *const suffixes[] = {".failed", ".failed.new", ".lock"};

	part_remove_data(cache, digest);
	part_unlink(cache, digest, suffixes, sizeof(suffixes) / sizeof(suffixes[0]));
}
