/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper holds the lock of its download and the pipe of wnodes-fetch. It
 * believes nothing of what the fetch user's processes did to the file: the
 * file becomes root's, a lease shows that nobody has it open to write, and
 * only then do fresh processes digest and inspect it. It may be killed at any
 * moment: what it leaves is resumed, or verified again, by the next one.
 */
#include "helper/image/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/cgroup.h"
#include "helper/image/cache.h"
#include "helper/image/cache_folder.h"
#include "helper/image/fetcher.h"
#include "helper/image/part.h"

#define WRITERS_MS 5000U /* for a killed fetcher to be gone */
#define FULL_BYTES (UINT64_C(1) << 20)
#define BASE_MS 5000U
#define RATE_MS 5000U /* a rate is that of the last so many */
#define SOURCES 64U
#define KILLED_MAX 5U /* times that a fetcher may be killed */

struct keeper {
	const struct config *config;
	const struct image *image;
	struct cache cache;
	struct fetcher fetcher;
	char urls[IMAGE_SOURCES]; /* image->sources, taken apart */
	const char *sources[SOURCES];
	size_t source_count, tried; /* tried: of this attempt; wnodes-fetch names each once, without its credentials */
	struct cache_progress progress;
	uint64_t rate_begin, rate_bytes; /* what the rate is counted from */
	int part;                        /* the file, -1 */
	bool disk_was_full;
};

/* What comes of an attempt. */
enum outcome { FAILED, PUBLISHED, WRONG_DIGEST, KILLED };

static void keeper_split_sources(struct keeper *keeper)
{
	char *save = NULL;

	memcpy(keeper->urls, keeper->image->sources, sizeof(keeper->urls));
	for (char *url = strtok_r(keeper->urls, " ", &save); url && keeper->source_count < SOURCES;
	     url = strtok_r(NULL, " ", &save))
		keeper->sources[keeper->source_count++] = url;
}

static void keeper_show(struct keeper *keeper)
{
	keeper->progress.updated = clock_wall();
	(void)part_save_progress(&keeper->cache, keeper->image->sha256, &keeper->progress);
}

static void keeper_count(struct keeper *keeper, uint64_t transferred)
{
	uint64_t now = clock_steady();
	uint64_t passed = now - keeper->rate_begin;

	if (keeper->rate_begin == 0 || transferred < keeper->rate_bytes) {
		/* what an earlier process had fetched is no speed of this one */
		keeper->rate_begin = now;
		keeper->rate_bytes = transferred;
		keeper->progress.rate = 0;
	} else if (passed >= 500) {
		keeper->progress.rate = (transferred - keeper->rate_bytes) * 1000 / passed;
		if (passed >= RATE_MS) {
			keeper->rate_begin = now;
			keeper->rate_bytes = transferred;
		}
	}
	keeper->progress.transferred = transferred;
}

static void keeper_line(void *context, const char *key, const char *value)
{
	struct keeper *keeper = context;
	struct cache_progress *progress = &keeper->progress;
	uint64_t number;

	if (!key) {
		keeper_show(keeper);
	} else if (strcmp(key, "source") == 0) {
		keeper->tried++;
		(void)str_print(progress->source, sizeof(progress->source), "%s", value);
		keeper_show(keeper);
	} else if (str_u64(value, 0, UINT64_MAX, &number) < 0) {
		return;
	} else if (strcmp(key, "total") == 0) {
		progress->total = number;
	} else if (strcmp(key, "size") == 0) {
		progress->size = number;
	} else if (strcmp(key, "transferred") == 0) {
		keeper_count(keeper, number);
	}
}

/* Whether nobody has the file open to write: a lease to read says so. */
static int keeper_prove_unwritten(const struct keeper *keeper)
{
	uint64_t deadline = clock_steady() + WRITERS_MS;
	int fd = openat(keeper->cache.part, keeper->image->sha256, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;

	while (rc == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
		rc = errno == EAGAIN && clock_steady() < deadline ? 0 : -errno;
		if (rc == 0)
			clock_nap(20);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Open the part, whoever it is by now; *whole where it had come to its end. */
static int keeper_open_part(struct keeper *keeper, bool *whole, struct failure *why)
{
	struct stat st = {0};
	int rc = part_open(&keeper->cache, keeper->image->sha256, "", keeper->fetcher.uid, keeper->fetcher.gid);

	keeper->part = rc;
	/* a fetcher dies with its keeper, a moment later */
	if (rc >= 0) {
		close(keeper->part);
		keeper->part = -1;
		rc = keeper_prove_unwritten(keeper);
	}
	if (rc == 0)
		rc = keeper->part =
		        part_open(&keeper->cache, keeper->image->sha256, "", keeper->fetcher.uid, keeper->fetcher.gid);
	if (rc >= 0 && fstat(keeper->part, &st) < 0)
		rc = -errno;
	/* without the mode it was made and not given to the fetch user yet, or seized and not synced */
	*whole = rc >= 0 && st.st_uid == 0 && (st.st_mode & 0777) == 0444;
	/* the site has another fetch user now */
	if (rc >= 0 && !*whole && fchown(keeper->part, keeper->fetcher.uid, keeper->fetcher.gid) < 0)
		rc = -errno;
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "%s/part/%s: %s", keeper->config->cache_dir, keeper->image->sha256,
		                   rc == -EAGAIN ? "a process still writes to it" : strerror(-rc));
	return 0;
}

static void keeper_close_part(struct keeper *keeper)
{
	if (keeper->part >= 0)
		close(keeper->part);
	keeper->part = -1;
}

/* Whether the cache's file system has no room left. */
static bool keeper_disk_is_full(const struct keeper *keeper)
{
	struct statvfs st;

	return fstatvfs(keeper->cache.part, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < FULL_BYTES;
}

static int keeper_get(struct keeper *keeper, struct failure *why)
{
	struct fetcher_get get = {.config = keeper->config,
	                          .image = keeper->image,
	                          .sources = keeper->sources,
	                          .source_count = keeper->source_count,
	                          .part = keeper->part,
	                          .line = keeper_line,
	                          .context = keeper};
	int rc;

	get.notes =
	        part_open(&keeper->cache, keeper->image->sha256, ".notes", keeper->fetcher.uid, keeper->fetcher.gid);
	if (get.notes < 0)
		return failure_set(why, EXIT_NODE, "%s/part/%s.notes: %s", keeper->config->cache_dir,
		                   keeper->image->sha256, strerror(-get.notes));
	rc = fetcher_get(&keeper->fetcher, &get, why);
	close(get.notes);
	/* half an image helps nobody on a node that is full */
	keeper->disk_was_full = rc < 0 && keeper_disk_is_full(keeper);
	if (rc < 0 && (why->code == FETCHER_WRONG || keeper->disk_was_full))
		part_remove_data(&keeper->cache, keeper->image->sha256);
	return rc;
}

/* Make the part root's and see that nobody else can write to it any more. Its descriptor to read, or a negative errno.
 */
static int keeper_seize(struct keeper *keeper)
{
	const char *digest = keeper->image->sha256;
	struct stat st;
	int fd;
	int rc = fchown(keeper->part, 0, 0) < 0 || fchmod(keeper->part, 0444) < 0 || fsync(keeper->part) < 0 ? -errno
	                                                                                                     : 0;

	keeper_close_part(keeper);
	if (rc == 0)
		rc = keeper_prove_unwritten(keeper);
	if (rc < 0)
		return rc;
	fd = openat(keeper->cache.part, digest, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* a second name would pass for a job that uses it */
	rc = fstat(fd, &st) < 0 ? -errno : st.st_nlink == 1 && st.st_uid == 0 ? 0 : -EMLINK;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static uint64_t keeper_virtual_max(const struct keeper *keeper)
{
	return keeper->image->virtual_size_max ? keeper->image->virtual_size_max
	                                       : keeper->config->fetch_virtual_size_max;
}

/* What wnodes-fetch and qemu-img see in the file fd, and its size. */
static int keeper_inspect(struct keeper *keeper, int fd, struct cache_info *info, struct failure *why)
{
	const struct image *image = keeper->image;
	uint64_t max = image->size_max ? image->size_max : keeper->config->fetch_size_max;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return failure_set(why, EXIT_NODE, "fstat: %s", strerror(errno));
	*info = (struct cache_info){.size = (uint64_t)st.st_size, .mtime = cache_mtime(&st)};
	(void)str_print(info->format, sizeof(info->format), "%s", image->format);
	(void)str_print(info->image, sizeof(info->image), "%s", image->entry);
	if (info->size > max)
		return failure_set(why, FETCHER_WRONG, "%" PRIu64 " bytes, which is more than its size_max, %" PRIu64,
		                   info->size, max);
	rc = fetcher_inspect(&keeper->fetcher, keeper->config, fd, image->format, &info->virtual_size, why);
	if (rc == 0 && info->virtual_size > keeper_virtual_max(keeper))
		rc = failure_set(why, FETCHER_WRONG,
		                 "a disk of %" PRIu64 " bytes, which is more than its virtual_size_max, %" PRIu64,
		                 info->virtual_size, keeper_virtual_max(keeper));
	return rc;
}

/* Everything is on the disk before the name is. */
static int keeper_publish(struct keeper *keeper, int fd, const struct cache_info *info, struct failure *why)
{
	static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	const struct cache *cache = &keeper->cache;
	const char *digest = keeper->image->sha256;
	int rc = futimens(fd, now) < 0 || fsync(fd) < 0 || fsync(cache->part) < 0 ? -errno : 0;

	if (rc == 0)
		rc = cache_info_save(cache, digest, info);
	if (rc == 0 && renameat(cache->part, digest, cache->base, digest) < 0)
		rc = -errno;
	if (rc == 0 && (fsync(cache->base) < 0 || fsync(cache->part) < 0))
		rc = -errno;
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot put it into %s/base: %s", keeper->config->cache_dir,
	                            strerror(-rc))
	              : 0;
}

/*
 * A source that gave something else than what was asked for is not asked
 * again, nor are those that had failed before it; false where none is left, or
 * it is not known which it was.
 */
static bool keeper_drop_sources(struct keeper *keeper)
{
	if (keeper->tried == 0 || keeper->tried >= keeper->source_count)
		return false;
	keeper->source_count -= keeper->tried;
	memmove(keeper->sources, &keeper->sources[keeper->tried], keeper->source_count * sizeof(keeper->sources[0]));
	return true;
}

static enum outcome keeper_verify(struct keeper *keeper, struct failure *why)
{
	const char *digest = keeper->image->sha256;
	enum outcome outcome = FAILED;
	struct cache_info info;
	char hex[65];
	int rc, fd = keeper_seize(keeper);

	if (fd < 0) {
		part_remove_data(&keeper->cache, digest);
		(void)failure_set(why, EXIT_NODE, "what was fetched cannot be made root's alone: %s",
		                  fd == -EAGAIN ? "a process still writes to it" : strerror(-fd));
		return FAILED;
	}
	keeper->progress.verifying = true;
	keeper_show(keeper);
	rc = fetcher_digest(&keeper->fetcher, fd, hex, why);
	if (rc < 0) {
		outcome = rc == -EINTR ? KILLED : FAILED;
		goto out;
	}
	if (strcmp(hex, digest) != 0) {
		(void)failure_set(why, FETCHER_WRONG, "%s has the sha256 %s, and the catalogue says %s",
		                  keeper->progress.source[0] ? keeper->progress.source : "the source", hex, digest);
		part_remove_data(&keeper->cache, digest);
		outcome = WRONG_DIGEST;
		goto out;
	}
	rc = keeper_inspect(keeper, fd, &info, why);
	if (rc < 0) {
		outcome = rc == -EINTR ? KILLED : FAILED;
		if (why->code == FETCHER_WRONG)
			part_remove_data(&keeper->cache, digest);
		goto out;
	}
	if (keeper_publish(keeper, fd, &info, why) == 0)
		outcome = PUBLISHED;
out:
	close(fd);
	keeper->progress.verifying = false;
	return outcome;
}

/* Get what is missing, and verify it. *resumed: an earlier process began it. */
static enum outcome keeper_attempt(struct keeper *keeper, bool *resumed, struct failure *why)
{
	enum outcome outcome = FAILED;
	struct stat st;
	bool whole = false;
	int rc;

	if (keeper_open_part(keeper, &whole, why) == 0) {
		/* of a whole one, a power loss may have left nothing */
		*resumed = whole || (fstat(keeper->part, &st) == 0 && st.st_size > 0);
		rc = whole ? 0 : keeper_get(keeper, why);
		if (rc == 0)
			outcome = keeper_verify(keeper, why);
		else if (rc == -EINTR)
			outcome = KILLED;
	}
	keeper_close_part(keeper);
	return outcome;
}

/* As often as it may help: from zero where an earlier process's part was wrong, and from the sources that are left. */
static int keeper_fetch(struct keeper *keeper, struct failure *why)
{
	unsigned int killed = 0;
	bool again = true;

	while (again) {
		bool resumed = false;
		enum outcome outcome;

		keeper->progress = (struct cache_progress){0};
		keeper->rate_begin = 0;
		keeper->tried = 0;
		keeper_show(keeper);
		outcome = keeper_attempt(keeper, &resumed, why);
		if (outcome == PUBLISHED)
			return 0;
		if (outcome == KILLED)
			again = ++killed < KILLED_MAX;
		else
			again = outcome == WRONG_DIGEST && (resumed || keeper_drop_sources(keeper));
		if (again)
			log_error("image %s: %s; once more", keeper->image->entry, why->message);
	}
	return -EIO;
}

/* Under the cache's lock nobody takes a base away and puts it back. */
static bool keeper_has_base(const struct keeper *keeper)
{
	int lock = cache_lock(&keeper->cache, BASE_MS);
	bool has = cache_has(&keeper->cache, keeper->image->sha256);

	if (lock >= 0)
		close(lock);
	return has;
}

/* One line that names the image, what is wrong, and what to do. */
static void keeper_explain(const struct keeper *keeper, const struct failure *why, struct failure *said)
{
	const char *entry = keeper->image->entry;

	if (why->code == FETCHER_WRONG)
		(void)failure_set(said, EXIT_NODE,
		                  "image %s: %.300s; correct source, sha256, format or limits in " WNODES_IMAGES_D
		                  "/%s.conf",
		                  entry, why->message, entry);
	else if (keeper->disk_was_full)
		(void)failure_set(said, EXIT_NODE, "image %s: %.300s; make room in %.80s", entry, why->message,
		                  keeper->config->cache_dir);
	else
		(void)failure_set(said, EXIT_NODE, "image %s: %.300s; look at source in " WNODES_IMAGES_D "/%s.conf",
		                  entry, why->message, entry);
}

static int keeper_run(struct keeper *keeper)
{
	const char *digest = keeper->image->sha256;
	uint64_t begin = clock_steady();
	struct failure why = {0}, said = {0};
	int rc;

	if (keeper_has_base(keeper)) {
		part_remove(&keeper->cache, digest);
		return 0;
	}
	keeper_split_sources(keeper);
	rc = cgroup_leave_jobs();
	if (rc < 0)
		rc = failure_set(&why, EXIT_NODE, "cannot leave the job's cgroup: %s", strerror(-rc));
	if (rc == 0)
		rc = fetcher_open(&keeper->fetcher, &why);
	if (rc == 0)
		rc = keeper_fetch(keeper, &why);
	if (rc == 0) {
		log_info("image %s: fetched from %s in %" PRIu64 " ms", keeper->image->entry, keeper->progress.source,
		         clock_steady() - begin);
		part_remove(&keeper->cache, digest);
		return cache_trim(keeper->config);
	}
	keeper_explain(keeper, &why, &said);
	log_error("%s", said.message);
	part_save_failure(&keeper->cache, keeper->image, &said);
	return rc;
}

/* Nothing of the caller's but the lock: no stream, session, descriptor or timer. */
static _Noreturn void keeper_main(const struct config *config, const struct image *image, int lock)
{
	static struct keeper keeper;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc;

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	if (dup3(lock, 3, O_CLOEXEC) < 0 && lock != 3)
		_exit(EXIT_NODE);
	if (syscall(SYS_close_range, 4U, ~0U, 0U) < 0)
		for (int fd = 4; fd < 65536; fd++)
			(void)close(fd);
	log_open("wnodes-helper", true);
	/* it may end at any moment: a node that goes down does not wait for it */
	(void)signal(SIGTERM, SIG_DFL);
	keeper = (struct keeper){.config = config, .image = image, .part = -1};
	rc = cache_open(&keeper.cache, config);
	if (rc < 0)
		log_error("%s: %s", config->cache_dir, strerror(-rc));
	else
		rc = keeper_run(&keeper);
	_exit(rc < 0 ? EXIT_NODE : 0);
}

int keeper_start(const struct config *config, const struct image *image, int lock, struct failure *why)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		/* init, or a subreaper, is its parent: nobody waits for it */
		(void)setsid();
		child = fork();
		if (child == 0)
			keeper_main(config, image, lock);
		_exit(child < 0 ? EXIT_NODE : 0);
	}
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	if (child < 0 || status != 0)
		return failure_set(why, EXIT_NODE, "image %s: cannot start its fetch: fork failed", image->entry);
	return 0;
}
