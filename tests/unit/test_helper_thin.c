/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/disk/thin.o helper/disk/thin_base.o helper/disk/lvm_command.o helper/failure.o */
/* links: common/str.o common/kv.o */
/*
 * Thin volumes, without LVM: the machines that tests run on have no
 * device-mapper. What is shown here are the commands that LVM gets, in which
 * order, and that each volume is in the journal before it is made; no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/disk/copy.h"
#include "helper/disk/lvm.h"
#include "helper/disk/thin.h"
#include "helper/disk/thin_base.h"
#include "helper/fs.h"
#include "helper/image/fetcher.h"
#include "helper/journal.h"

#define DIGEST "0123456789abcdef0123456789abcdef01234567"
#define POOL_IS                                                                                                        \
	"lvs --noheadings --binary --separator ; --options lv_layout,zero,data_percent,metadata_percent vg/pool\n"
#define BASE_IS "lvs --noheadings --options lv_name --select lv_name=\"wnodes-base-" DIGEST "\" vg\n"
#define QUIET "--quiet --config activation/monitoring=0"
#define SNAPSHOT                                                                                                       \
	"lvcreate --yes " QUIET " --snapshot --permission rw --setactivationskip n --name wnodes-n1-7.0 "              \
	"vg/wnodes-base-" DIGEST "\n"
#define SIZE_IS "lvs --noheadings --nosuffix --units b --options lv_size vg/wnodes-n1-7.0\n"

static char done[8192];   /* what was done, a line each */
static const char *pool;  /* lvs says of the pool */
static const char *there; /* the volume that is there */
static const char *bases; /* lvs says of those that are */
static const char *fails; /* the command that does */
static int locked;        /* what fs_open_lock() returns; 0: a descriptor */
static int copied;        /* what copy_image() returns */
static uid_t copied_as;

static void did(const char *text)
{
	(void)str_print(done + strlen(done), sizeof(done) - strlen(done), "%s", text);
	(void)str_print(done + strlen(done), sizeof(done) - strlen(done), "\n");
}

int lvm_run(struct lvm_command *command, char *output, size_t size, struct failure *why)
{
	char line[LVM_TEXT] = "";

	assert_string_equal(command->argv[0], "lvm");
	for (size_t i = 1; command->argv[i]; i++) {
		(void)str_print(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i > 1 ? " " : "",
		                command->argv[i]);
	}
	did(line);
	if (fails && strcmp(command->argv[1], fails) == 0)
		return failure_set(why, EXIT_NODE, "LVM: %s: no", fails);
	if (output && strstr(line, "lv_layout"))
		return str_print(output, size, "%s", pool);
	if (output && strstr(line, "lv_name=~"))
		return str_print(output, size, "%s", bases);
	if (output && strstr(line, "lv_size"))
		return str_print(output, size, "4194304");
	if (output)
		return str_print(output, size, "%s", there && strstr(line, there) ? there : "");
	return 0;
}

int journal_append(int dirfd, const char *kind, const char *argument)
{
	char line[256];

	(void)dirfd;
	(void)str_print(line, sizeof(line), "journal %s %s", kind, argument);
	did(line);
	return 0;
}

int device_claim(struct device *device, const char *path, char *why)
{
	char line[256];

	(void)why;
	(void)str_print(line, sizeof(line), "claim %s", path);
	did(line);
	*device = (struct device){.claim = -1};
	return 0;
}

void device_close(struct device *device)
{
	device->claim = -1;
}

int device_node(dev_t number, uid_t uid, gid_t gid)
{
	(void)number;
	(void)uid;
	(void)gid;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void copy_begin(struct copy *copy)
{
	(void)copy;
}

int copy_progress(struct copy *copy, uint64_t bytes, struct failure *why)
{
	(void)copy;
	(void)bytes;
	(void)why;
	return 0;
}

int copy_image(struct copy *copy, int base, int target, uid_t user, gid_t group, uint64_t file_max, struct failure *why)
{
	(void)copy;
	(void)base;
	(void)target;
	(void)group;
	(void)file_max;
	(void)why;
	did("copy");
	copied_as = user;
	return copied;
}

int fetcher_open(struct fetcher *fetcher, struct failure *why)
{
	(void)why;
	*fetcher = (struct fetcher){.uid = 990, .gid = 990};
	return 0;
}

int fs_open_file(const char *path, char *resolved)
{
	(void)path;
	(void)resolved;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int fs_open_lock(const char *folder, const char *name, unsigned int ms)
{
	(void)folder;
	(void)name;
	(void)ms;
	return locked < 0 ? locked : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void log_error(const char *format, ...);
void log_error(const char *format, ...)
{
	(void)format;
}

static struct failure why;
static bool empty;

/* thin_make() of a job whose disk is to have so many MiB, 4 of which the image has. */
static int make(const char *digest, uint64_t mib)
{
	static struct config config;
	static struct image image;
	struct record record = {.id = {.node = "n1", .job = 7}, .dirfd = -1, .lock = -1};
	const struct disk_request request = {.config = &config, .image = &image, .record = &record, .uid = 1000};
	const struct disk_sizes sizes = {.base = UINT64_C(4) << 20, .disk = mib << 20};
	struct device device;

	(void)str_print(config.disk.thin_pool, sizeof(config.disk.thin_pool), "vg/pool");
	(void)str_print(image.sha256, sizeof(image.sha256), "%s", digest);
	done[0] = 0;
	why = (struct failure){0};
	copied_as = 0;
	return thin_make(&request, &sizes, &device, &empty, &why);
}

static int set_up(void **state)
{
	(void)state;
	pool = "thin,pool;1;12.50;3.10";
	there = fails = NULL;
	copied = locked = 0;
	return 0;
}

static void the_first_job_imports_the_image(void **state)
{
	(void)state;
	assert_int_equal(make(DIGEST "0123456789abcdef01234567", 4), 0);
	assert_string_equal(done,
	                    POOL_IS "journal block vg/wnodes-n1-7.0\n" BASE_IS "journal block vg/wnodes-import-n1-7.0\n"
	                            "lvcreate --yes " QUIET " --type thin --virtualsize 4194304b "
	                            "--wipesignatures n --name wnodes-import-n1-7.0 --thinpool pool vg\n"
	                            "claim /dev/vg/wnodes-import-n1-7.0\n"
	                            "copy\n"
	                            "lvchange " QUIET " --activate n vg/wnodes-import-n1-7.0\n"
	                            "lvchange " QUIET " --permission r vg/wnodes-import-n1-7.0\n"
	                            "lvrename " QUIET " vg wnodes-import-n1-7.0 wnodes-base-" DIGEST
	                            "\n" SNAPSHOT SIZE_IS "claim /dev/vg/wnodes-n1-7.0\n");
	assert_false(empty);
	/* by no job's user */
	assert_int_equal(copied_as, 990);
}

static void later_jobs_take_a_snapshot_and_grow_it(void **state)
{
	(void)state;
	there = "wnodes-base-" DIGEST;
	assert_int_equal(make(DIGEST, 4), 0);
	assert_string_equal(done, POOL_IS "journal block vg/wnodes-n1-7.0\n" BASE_IS SNAPSHOT SIZE_IS
	                                  "claim /dev/vg/wnodes-n1-7.0\n");
	assert_int_equal(make(DIGEST, 8), 0);
	assert_string_equal(done, POOL_IS "journal block vg/wnodes-n1-7.0\n" BASE_IS SNAPSHOT SIZE_IS "lvextend " QUIET
	                                  " --size 8388608b vg/wnodes-n1-7.0\n"
	                                  "claim /dev/vg/wnodes-n1-7.0\n");
}

static void what_has_no_digest_has_no_base(void **state)
{
	(void)state;
	assert_int_equal(make("", 8), 0);
	assert_string_equal(done, POOL_IS "journal block vg/wnodes-n1-7.0\n"
	                                  "lvcreate --yes " QUIET " --type thin --virtualsize 8388608b "
	                                  "--wipesignatures n --name wnodes-n1-7.0 --thinpool pool vg\n"
	                                  "claim /dev/vg/wnodes-n1-7.0\n");
	assert_true(empty);
}

static void an_import_that_fails_gets_no_bases_name(void **state)
{
	(void)state;
	copied = -ECANCELED;
	assert_int_equal(make(DIGEST, 4), -ECANCELED);
	assert_null(strstr(done, "lvrename"));
	assert_null(strstr(done, "--snapshot"));
	copied = 0;
	fails = "lvcreate";
	assert_int_equal(make(DIGEST, 4), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_string_equal(why.message, "LVM: lvcreate: no");
	assert_null(strstr(done, "copy"));
}

static void a_pool_that_is_none_or_full_or_shows_old_blocks_is_refused(void **state)
{
	static const struct {
		const char *pool, *says;
	} cases[] = {{"linear;0;;", "is no thin pool, or not active"},
	             {"thin,pool;1;;", "is no thin pool, or not active"},
	             {"", "is no thin pool"},
	             {"thin,pool;0;1.00;1.00", "does not zero its blocks (lvchange --zero y vg/pool)"},
	             {"thin,pool;1;99.10;1.00", "is full (data 99 %, metadata 1 %)"},
	             {"thin,pool;1;9.10;98.50", "is full"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pool = cases[i].pool;
		assert_int_equal(make(DIGEST, 4), -EIO);
		assert_int_equal(why.code, EXIT_NODE);
		assert_non_null(strstr(why.message, cases[i].says));
		assert_string_equal(done, POOL_IS);
	}
}

static void only_a_jobs_volume_is_removed(void **state)
{
	static const char *const others[] = {"vg/root", "vg", "vg/wnodes-base-" DIGEST, "vg/wnodes-n1/../root",
	                                     "-f/wnodes-n1-7.0"};

	(void)state;
	done[0] = 0;
	there = "wnodes-n1-7.0";
	assert_int_equal(thin_remove("vg/wnodes-n1-7.0"), 0);
	assert_string_equal(done, "lvs --noheadings --options lv_name --select lv_name=\"wnodes-n1-7.0\" vg\n"
	                          "lvremove --yes --force " QUIET " vg/wnodes-n1-7.0\n");
	done[0] = 0;
	there = NULL;
	assert_int_equal(thin_remove("vg/wnodes-import-n1-7.0"), 0);
	assert_null(strstr(done, "lvremove"));
	/* held open: its record stays, and it is tried again */
	there = "wnodes-n1-7.0";
	fails = "lvremove";
	assert_int_equal(thin_remove("vg/wnodes-n1-7.0"), -EIO);
	done[0] = 0;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(thin_remove(others[i]), -EINVAL);
	assert_string_equal(done, "");
}

static void bases_are_listed_by_their_digits(void **state)
{
	char list[256];

	(void)state;
	done[0] = 0;
	bases = "wnodes-base-" DIGEST "\n  wnodes-base-0\n  wnodes-base-x123456789abcdef0123456789abcdef01234567\n  "
	        "wnodes-base-ffff456789abcdef0123456789abcdef01234567\n  other";
	assert_int_equal(thin_base_list("vg/pool", list, sizeof(list), &why), 0);
	assert_string_equal(list, DIGEST "\nffff456789abcdef0123456789abcdef01234567");
	assert_string_equal(done, "lvs --noheadings --options lv_name --select "
	                          "lv_name=~\"^wnodes-base-\"&&pool_lv=\"pool\" vg\n");
	bases = "";
	assert_int_equal(thin_base_list("vg/pool", list, sizeof(list), &why), 0);
	assert_string_equal(list, "");
	fails = "lvs";
	assert_int_equal(thin_base_list("vg/pool", list, sizeof(list), &why), -EIO);
}

static void a_base_goes_unless_a_job_is_about_to_take_one(void **state)
{
	(void)state;
	done[0] = 0;
	why = (struct failure){0};
	there = "wnodes-base-" DIGEST;
	assert_int_equal(thin_base_remove("vg/pool", DIGEST "0123456789abcdef01234567", &why), 0);
	assert_string_equal(done, BASE_IS "lvremove --yes --force " QUIET " vg/wnodes-base-" DIGEST "\n");
	locked = -EBUSY;
	assert_int_equal(thin_base_remove("vg/pool", DIGEST, &why), -EBUSY);
	assert_string_equal(why.message, "a job is about to take a volume of vg/pool");
	locked = 0;
	there = NULL;
	why = (struct failure){0};
	assert_int_equal(thin_base_remove("vg/pool", DIGEST, &why), -ENOENT);
	assert_int_equal(why.code, 0);
	assert_int_equal(thin_base_remove("vg/pool", "0123/../root", &why), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(bases_are_listed_by_their_digits, set_up),
	        cmocka_unit_test_setup(a_base_goes_unless_a_job_is_about_to_take_one, set_up),
	        cmocka_unit_test_setup(the_first_job_imports_the_image, set_up),
	        cmocka_unit_test_setup(later_jobs_take_a_snapshot_and_grow_it, set_up),
	        cmocka_unit_test_setup(what_has_no_digest_has_no_base, set_up),
	        cmocka_unit_test_setup(an_import_that_fails_gets_no_bases_name, set_up),
	        cmocka_unit_test_setup(a_pool_that_is_none_or_full_or_shows_old_blocks_is_refused, set_up),
	        cmocka_unit_test_setup(only_a_jobs_volume_is_removed, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
