/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/config_device.o helper/pci_address.o */
/* links: common/disk_option.o helper/config_disk.o */
/* links: helper/image/cache.o helper/image/cache_evict.o helper/image/cache_folder.o helper/image/cache_repair.o */
/* links: helper/image/cache_text.o helper/image/catalogue.o helper/image/fetcher.o helper/image/keeper.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/child.o helper/config.o helper/failure.o helper/fs.o helper/harden.o helper/ini_file.o */
/* links: helper/list.o helper/config_network.o helper/ipv4.o common/mac.o common/sha256.o helper/record.o */
/* links: common/network_option.o common/range.o */
/* links: common/command_names.o common/kv.o common/log.o common/mounts.o common/str.o helper/image/part.o */
/* links: helper/journal.o */
/* links: helper/config_partition.o helper/image/access.o */
/* links: helper/config_machine.o */
/* libs: -linih */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/image/cache.h"
#include "helper/image/cache_folder.h"
#include "helper/image/part.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static char top[64]; /* the cache and, beside it, a job's record */
static struct config config;
static struct image image;
static struct record record;
static struct cache cache;
static struct failure why;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(top, sizeof(top), "/var/tmp/wnodes-cache.XXXXXX");
	assert_non_null(mkdtemp(top));
	config_default(&config);
	(void)snprintf(config.cache_dir, sizeof(config.cache_dir), "%s/cache", top);
	image = (struct image){.name = "el9", .entry = "el9", .format = "raw", .sources = "http://x/y", .sha256 = A};
	record = (struct record){.id = {.node = "n-1", .job = 7, .restart = 1}, .lock = -1};
	(void)snprintf(path, sizeof(path), "%s/record", top);
	assert_int_equal(mkdir(path, 0700), 0);
	record.dirfd = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(cache_open(&cache, &config), 0);
	why = (struct failure){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cache_close(&cache);
	close(record.dirfd);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_file(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0444);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Publish a base as a keeper does, used so many seconds ago. */
static void put_base(const char *digest, const char *text, time_t ago)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - ago}, {.tv_nsec = UTIME_OMIT}};
	struct cache_info info = {.virtual_size = 1 << 20, .format = "raw", .image = "el9"};
	struct stat st;

	put_file(cache.part, digest, text);
	assert_int_equal(fstatat(cache.part, digest, &st, 0), 0);
	info.size = (uint64_t)st.st_size;
	info.mtime = cache_mtime(&st);
	assert_int_equal(cache_info_save(&cache, digest, &info), 0);
	assert_int_equal(utimensat(cache.part, digest, times, 0), 0);
	assert_int_equal(renameat(cache.part, digest, cache.base, digest), 0);
}

static unsigned int links_of(const char *digest)
{
	struct stat st;

	return fstatat(cache.base, digest, &st, 0) < 0 ? 0U : (unsigned int)st.st_nlink;
}

static bool has(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void a_hit_is_a_link(void **state)
{
	char path[PATH_MAX], expected[PATH_MAX + 64], journal[PATH_MAX + 64] = "";
	struct stat before, after;
	int fd;

	(void)state;
	put_base(A, "image", 5000);
	assert_int_equal(fstatat(cache.base, A, &before, 0), 0);
	assert_int_equal(cache_use(&config, &image, &record, path, &why), 0);
	(void)snprintf(expected, sizeof(expected), "%s/use/n-1-7.1", config.cache_dir);
	assert_string_equal(path, expected);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_nlink, 2);
	assert_true(after.st_atim.tv_sec > before.st_atim.tv_sec + 4000);
	assert_int_equal(cache_mtime(&after), cache_mtime(&before));
	fd = openat(record.dirfd, "journal", O_RDONLY);
	assert_true(read(fd, journal, sizeof(journal) - 1) > 0);
	close(fd);
	(void)snprintf(expected, sizeof(expected), "use %s\n", path);
	assert_string_equal(journal, expected);
	/* again, as after a kill */
	assert_int_equal(cache_use(&config, &image, &record, path, &why), 0);
	assert_int_equal(links_of(A), 2);
	assert_int_equal(cache_release(path), 0);
	assert_int_equal(cache_release(path), 0);
	assert_int_equal(links_of(A), 1);
}

static void only_a_link_is_released(void **state)
{
	char path[PATH_MAX + 128];

	(void)state;
	put_base(A, "image", 0);
	(void)snprintf(path, sizeof(path), "%s/base/%s", config.cache_dir, A);
	assert_int_equal(cache_release(path), -EINVAL);
	assert_int_equal(cache_release("use"), -EINVAL);
	assert_int_equal(cache_release("/nowhere/at/all/use/x"), 0);
	assert_int_equal(links_of(A), 1);
}

static void what_is_not_there_is_not_used(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(cache_use(&config, &image, &record, path, &why), -ENOENT);
	assert_false(has(cache.use, "n-1-7.1"));
	assert_false(has(record.dirfd, "journal"));
}

/* That a base is not used, but put into quarantine. */
static void expect_quarantine(void)
{
	char path[PATH_MAX];

	assert_int_equal(cache_use(&config, &image, &record, path, &why), -ENOENT);
	assert_false(has(cache.use, "n-1-7.1"));
	assert_false(has(cache.base, A));
	assert_false(has(cache.base, A ".info"));
}

static void what_changed_is_not_used(void **state)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};

	(void)state;
	put_base(A, "image", 0);
	put_file(cache.base, A, "imago");
	expect_quarantine();
	put_base(A, "image", 0);
	assert_int_equal(utimensat(cache.base, A, times, 0), 0);
	expect_quarantine();
	put_base(A, "image", 0);
	assert_int_equal(fchmodat(cache.base, A, 0644, 0), 0);
	expect_quarantine();
	put_base(A, "image", 0);
	put_file(cache.base, A ".info", "size=");
	expect_quarantine();
	put_base(A, "image", 0);
	put_file(cache.base, A ".info", "");
	expect_quarantine();
}

static void another_entry_may_not_take_it_for_something_else(void **state)
{
	char path[PATH_MAX];

	(void)state;
	put_base(A, "image", 0);
	memcpy(image.format, "qcow2", 6);
	assert_int_equal(cache_use(&config, &image, &record, path, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	memcpy(image.format, "raw", 4);
	image.size_max = 4;
	assert_int_equal(cache_use(&config, &image, &record, path, &why), -EIO);
	image.size_max = 5;
	image.virtual_size_max = (1 << 20) - 1;
	assert_int_equal(cache_use(&config, &image, &record, path, &why), -EIO);
	image.virtual_size_max = 1 << 20;
	assert_int_equal(cache_use(&config, &image, &record, path, &why), 0);
}

static void eviction_spares_what_is_used(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(cache_evict(&config, A, &why), -ENOENT);
	put_base(A, "image", 0);
	assert_int_equal(cache_use(&config, &image, &record, path, &why), 0);
	assert_int_equal(cache_evict(&config, A, &why), -EBUSY);
	assert_int_equal(links_of(A), 2);
	assert_false(has(cache.evict, A));
	assert_int_equal(cache_release(path), 0);
	assert_int_equal(cache_evict(&config, A, &why), 0);
	assert_false(has(cache.base, A));
	assert_false(has(cache.base, A ".info"));
	assert_int_equal(cache_evict(&config, "../lock", &why), -EIO);
}

static void a_download_is_evicted_unless_it_runs(void **state)
{
	int lock;

	(void)state;
	put_file(cache.part, A, "half");
	put_file(cache.part, A ".notes", "x");
	lock = part_lock(&cache, A);
	assert_true(lock >= 0);
	assert_true(part_is_locked(&cache, A));
	assert_int_equal(part_lock(&cache, A), -EBUSY);
	assert_int_equal(cache_evict(&config, A, &why), -EBUSY);
	assert_true(has(cache.part, A));
	close(lock);
	assert_false(part_is_locked(&cache, A));
	assert_int_equal(cache_evict(&config, A, &why), 0);
	assert_false(has(cache.part, A));
	assert_false(has(cache.part, A ".notes"));
	assert_false(has(cache.part, A ".lock"));
}

/* With the download's lock, and not where the base is only being looked at by who evicts. */
static void publish_as_a_keeper(void)
{
	int part, lock;

	if (cache_has(&cache, A))
		return;
	while ((part = part_lock(&cache, A)) == -EBUSY)
		;
	assert_true(part >= 0);
	lock = cache_lock(&cache, 5000);
	assert_true(lock >= 0);
	close(lock);
	if (!cache_has(&cache, A))
		put_base(A, "image", 0);
	close(part);
}

/* Evict, in another process, as often as it goes. */
static pid_t start_evicting(void)
{
	pid_t child = fork();

	/* an assertion that fails leaves it behind otherwise */
	if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		for (int i = 0; i < 100000; i++)
			(void)cache_evict(&config, A, &why);
	if (child == 0)
		_exit(0);
	assert_true(child > 0);
	return child;
}

static void eviction_while_jobs_start(void **state)
{
	unsigned int used = 0, missed = 0;
	pid_t child = start_evicting();
	char path[PATH_MAX], text[8];

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct stat st;
		int fd, rc;

		publish_as_a_keeper();
		rc = cache_use(&config, &image, &record, path, &why);
		if (rc == -ENOENT) {
			missed++;
			continue;
		}
		assert_int_equal(rc, 0);
		used++;
		fd = open(path, O_RDONLY);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, sizeof(text)), 5);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(st.st_nlink >= 1);
		close(fd);
		assert_int_equal(cache_release(path), 0);
		(void)unlinkat(record.dirfd, "journal", 0);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	assert_true(used > 0);
	assert_int_equal(cache_repair(&config), 0);
	/* nothing changed in it, so that nothing was taken for changed */
	assert_int_equal(links_of(A) > 0, has(cache.base, A ".info"));
	print_message("used %u, missed %u\n", used, missed);
}

static void age_and_size(void **state)
{
	(void)state;
	put_base(A, "the oldest", 9000);
	put_base(B, "used", 8000);
	put_base(C, "just used", 10);
	assert_int_equal(linkat(cache.base, B, cache.use, "n-1-9.0", 0), 0);
	assert_int_equal(cache_trim(&config), 0);
	assert_true(has(cache.base, A));
	config.cache_size_max = 1;
	assert_int_equal(cache_trim(&config), 0);
	assert_false(has(cache.base, A));
	assert_true(has(cache.base, B) && has(cache.base, C));
	config.cache_size_max = 0;
	config.cache_age_max = 5;
	assert_int_equal(cache_trim(&config), 0);
	assert_true(has(cache.base, B));
	assert_false(has(cache.base, C));
}

static void what_goes_first(void **state)
{
	struct stat st;

	(void)state;
	put_base(A, "a base", 9000);
	put_file(cache.quarantine, B ".1", "changed");
	put_file(cache.part, C, "half");
	assert_int_equal(fstatat(cache.base, A, &st, 0), 0);
	config.cache_size_max = (uint64_t)st.st_blocks * 512;
	assert_int_equal(cache_trim(&config), 0);
	assert_true(has(cache.base, A));
	assert_false(has(cache.quarantine, B ".1"));
	assert_false(has(cache.part, C));
}

static void a_power_loss_is_repaired(void **state)
{
	(void)state;
	put_base(A, "half evicted", 0);
	assert_int_equal(linkat(cache.base, A, cache.use, "no-node-7.1", 0), 0);
	assert_int_equal(renameat(cache.base, A, cache.evict, A), 0);
	put_file(cache.evict, B, "evicted");
	put_file(cache.base, B ".info", "size=1\n");
	put_file(cache.base, C ".info.new", "");
	put_file(cache.part, C, "half");
	put_file(cache.part, C ".notes", "x");
	put_file(cache.part, B ".notes", "x");
	put_file(cache.part, "rubbish", "x");
	put_file(cache.use, "what", "x");
	assert_int_equal(cache_repair(&config), 0);
	assert_true(has(cache.base, A) && has(cache.base, A ".info"));
	assert_false(has(cache.evict, A) || has(cache.evict, B));
	assert_false(has(cache.base, B ".info") || has(cache.base, C ".info.new"));
	assert_true(has(cache.part, C) && has(cache.part, C ".notes"));
	assert_false(has(cache.part, B ".notes") || has(cache.part, B ".lock") || has(cache.part, "rubbish"));
	assert_false(has(cache.use, "what"));
	/* no record anywhere has that job */
	assert_false(has(cache.use, "no-node-7.1"));
	assert_int_equal(cache_repair(&config), 0);
	assert_true(has(cache.base, A));
}

static void a_failure_is_that_of_who_waited(void **state)
{
	struct failure said = {.code = EXIT_NODE, .message = "image el9: 404"}, found = {0};
	char path[PATH_MAX + 128];
	struct stat st;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/part/%s.failed", config.cache_dir, A);
	assert_false(part_has_failed(&cache, &image, 0, &found));
	part_save_failure(&cache, &image, &said);
	assert_int_equal(stat(path, &st), 0);
	assert_true(part_has_failed(&cache, &image, 1000, &found));
	assert_int_equal(found.code, EXIT_NODE);
	assert_string_equal(found.message, "image el9: 404");
	assert_false(part_has_failed(&cache, &image, (uint64_t)(time(NULL) + 100) * 1000, &found));
	assert_int_equal(cache_fetch(&config, &image, 1000, NULL, NULL, &why), -EIO);
	assert_string_equal(why.message, "image el9: 404");
	/* nor one of another entry's sources */
	(void)snprintf(image.entry, sizeof(image.entry), "el9:2026-10");
	assert_false(part_has_failed(&cache, &image, 1000, &found));
}

static int count_entries(void *context, const struct cache_entry *entry)
{
	unsigned int *counts = context;

	assert_true(str_is_sha256(entry->digest));
	counts[entry->presence]++;
	return 0;
}

static void the_list_has_everything(void **state)
{
	struct cache_progress progress = {.source = "http://x/y", .total = 100, .transferred = 7, .verifying = true};
	unsigned int counts[3] = {0};
	struct cache_entry entry;
	int lock;

	(void)state;
	put_base(A, "image", 0);
	put_file(cache.part, B, "half");
	put_file(cache.part, C, "half");
	lock = part_lock(&cache, C);
	assert_int_equal(part_save_progress(&cache, C, &progress), 0);
	assert_int_equal(cache_list(&config, count_entries, counts), 0);
	assert_int_equal(counts[CACHE_PRESENT], 1);
	assert_int_equal(counts[CACHE_ABSENT], 1);
	assert_int_equal(counts[CACHE_FETCHING], 1);
	assert_int_equal(cache_look(&config, C, &entry), 0);
	assert_int_equal(entry.progress.total, 100);
	assert_int_equal(entry.progress.transferred, 7);
	assert_true(entry.progress.verifying);
	assert_string_equal(entry.progress.source, "http://x/y");
	close(lock);
	assert_int_equal(cache_look(&config, A, &entry), 0);
	assert_int_equal(entry.presence, CACHE_PRESENT);
	assert_int_equal(entry.size, 5);
	assert_int_equal(entry.users, 0);
	assert_string_equal(entry.image, "el9");
	assert_int_equal(cache_look(&config, "nonsense", &entry), -EINVAL);
}

static void progress_is_said_for_people(void **state)
{
	struct cache_progress progress = {0};
	char text[128];

	(void)state;
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: being fetched");
	progress = (struct cache_progress){.transferred = 3700000000, .total = 10000000000, .rate = 112000000};
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: 37 %, 112 MB/s, 56 s left");
	progress.rate = 1500000;
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: 37 %, 1.5 MB/s, 70 min left");
	progress.total = 0;
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: 3.7 GB, 1.5 MB/s");
	progress.verifying = true;
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: fetched, being verified");
	progress = (struct cache_progress){.transferred = UINT64_MAX, .total = UINT64_MAX, .rate = 1};
	cache_progress_text(&progress, "el9", text, sizeof(text));
	assert_string_equal(text, "el9: 100 %, 1 bytes/s, 0 s left");
}

static void the_folder_is_roots_alone(void **state)
{
	struct cache again;
	struct stat st;

	(void)state;
	assert_int_equal(chmod(config.cache_dir, 0755), 0);
	assert_int_equal(cache_open(&again, &config), 0);
	cache_close(&again);
	assert_int_equal(stat(config.cache_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(chown(config.cache_dir, 65534, 65534), 0);
	assert_int_equal(cache_open(&again, &config), -EPERM);
	assert_int_equal(cache_start(&config, &image, &why), -EIO);
	assert_int_equal(chown(config.cache_dir, 0, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(a_hit_is_a_link),
	        TEST(only_a_link_is_released),
	        TEST(what_is_not_there_is_not_used),
	        TEST(what_changed_is_not_used),
	        TEST(another_entry_may_not_take_it_for_something_else),
	        TEST(eviction_spares_what_is_used),
	        TEST(a_download_is_evicted_unless_it_runs),
	        TEST(eviction_while_jobs_start),
	        TEST(age_and_size),
	        TEST(what_goes_first),
	        TEST(a_power_loss_is_repaired),
	        TEST(a_failure_is_that_of_who_waited),
	        TEST(the_list_has_everything),
	        TEST(progress_is_said_for_people),
	        TEST(the_folder_is_roots_alone),
	};
#undef TEST

	/* the cache is root's */
	if (geteuid() != 0) {
		print_message("not root: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
