/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/policy.o helper/list.o helper/failure.o helper/args.o helper/identity.o common/str.o common/kv.o */
/* links: common/disk_option.o helper/config_disk.o */
/* links: helper/limits.o helper/record.o helper/fs.o helper/image/own.o helper/disk/base.o */
/* links: helper/image/catalogue.o helper/image/access.o helper/ini_file.o common/command_names.o */
/* libs: -linih */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "helper/args.h"
#include "helper/identity.h"
#include "helper/image/own.h"
#include "helper/limits.h"
#include "helper/policy.h"

#define GROUPS "100:users,200:physics"

static struct config config;
static struct image image;
static struct failure why;

static int setup(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&image, 0, sizeof(image));
	memset(&why, 0, sizeof(why));
	config.memory_reserve = 256 << 20;
	config.tb_cache = 64 << 20;
	config.boot_timeout = 300;
	config.boot_timeout_max = 600;
	image.memory_min = 256 << 20;
	(void)snprintf(image.name, sizeof(image.name), "tiny");
	return 0;
}

static void without_a_policy_everybody(void **state)
{
	(void)state;
	assert_int_equal(policy_user(&config, &image, "alice", "100:users", &why), 0);
}

static void users_and_groups(void **state)
{
	(void)state;
	(void)snprintf(config.allow_users, sizeof(config.allow_users), "bob, alice");
	assert_int_equal(policy_user(&config, &image, "alice", GROUPS, &why), 0);
	assert_int_equal(policy_user(&config, &image, "ali", GROUPS, &why), -EACCES);
	assert_int_equal(why.code, EXIT_DENIED);
	(void)snprintf(config.allow_groups, sizeof(config.allow_groups), "physics");
	assert_int_equal(policy_user(&config, &image, "ali", GROUPS, &why), 0);
	assert_int_equal(policy_user(&config, &image, "ali", "100:users,300:physicsx", &why), -EACCES);
	config.allow_users[0] = 0;
	assert_int_equal(policy_user(&config, &image, "alice", "100:users", &why), -EACCES);
	assert_int_equal(policy_user(&config, &image, "alice", "", &why), -EACCES);
}

static void groups_of_an_image(void **state)
{
	(void)state;
	(void)snprintf(image.groups, sizeof(image.groups), "chemistry,physics");
	assert_int_equal(policy_user(&config, &image, "alice", GROUPS, &why), 0);
	assert_int_equal(policy_user(&config, &image, "alice", "100:users", &why), -EACCES);
	assert_non_null(strstr(why.message, "chemistry,physics"));
}

static void boot_timeouts(void **state)
{
	uint64_t seconds = 0;

	(void)state;
	assert_int_equal(policy_boot_timeout(&config, NULL, &seconds, &why), 0);
	assert_int_equal(seconds, 300);
	assert_int_equal(policy_boot_timeout(&config, "20", &seconds, &why), 0);
	assert_int_equal(seconds, 20);
	assert_int_equal(policy_boot_timeout(&config, "601", &seconds, &why), -EINVAL);
	assert_int_equal(policy_boot_timeout(&config, "0", &seconds, &why), -EINVAL);
	assert_int_equal(policy_boot_timeout(&config, "-1", &seconds, &why), -EINVAL);
	assert_int_equal(policy_boot_timeout(&config, "", &seconds, &why), -EINVAL);
	assert_int_equal(why.code, EXIT_USAGE);
}

static void memory_of_a_machine(void **state)
{
	struct policy_memory memory = {.job_mib = 2000, .limit = UINT64_MAX, .vcpus = 2};
	uint64_t mib = 0;

	(void)state;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 2000 - 256 - 2 * 4 - 16);
	memory.tcg = true;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 2000 - 256 - 2 * 4 - 16 - 64 - 2 * 16);
	/* the cgroup's word goes before Slurm's */
	memory.limit = UINT64_C(1000) << 20;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 1000 - 256 - 2 * 4 - 8 - 64 - 2 * 16);
	memory.mounts = 3;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 1000 - 256 - 2 * 4 - 8 - 64 - 2 * 16 - 3 * 2);
	memory.virtiofs = true;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 1000 - 256 - 2 * 4 - 14 - 64 - 2 * 16 - 3 * 16);
	/* a hugepage is had whole or not */
	config.machine.hugepage_kib = 2048;
	memory.limit += 1 << 20;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 578);
}

static void memory_by_cpu(void **state)
{
	struct policy_memory memory = {.limit = UINT64_MAX, .vcpus = 4};
	uint64_t mib = 0;

	(void)state;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	config.memory_per_cpu = 512 << 20;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 2048 - 256 - 4 * 4 - 16);
	memory.passts = 2;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	assert_int_equal(mib, 2048 - 256 - 4 * 4 - 16 - 2 * 40);
}

static void too_little_memory(void **state)
{
	struct policy_memory memory = {.job_mib = 520, .limit = UINT64_MAX, .vcpus = 1};
	uint64_t mib = 0;

	(void)state;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), -EINVAL);
	assert_int_equal(why.code, EXIT_USAGE);
	assert_non_null(strstr(why.message, "256 MiB of memory"));
	assert_non_null(strstr(why.message, "520 MiB"));
	assert_non_null(strstr(why.message, "--mem=521M"));
	memory.job_mib = 521;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), 0);
	memory.job_mib = 100;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), -EINVAL);
	memory.limit = 0;
	assert_int_equal(policy_memory(&config, &image, &memory, &mib, &why), -EINVAL);
}

static int parse(struct args *args, uint32_t required, uint32_t allowed, int argc, ...)
{
	char *argv[8];
	va_list words;

	va_start(words, argc);
	for (int i = 0; i < argc; i++)
		argv[i] = va_arg(words, char *);
	va_end(words);
	why = (struct failure){0};
	return args_parse(argc, argv, required, allowed, args, &why);
}

static void arguments(void **state)
{
	const uint32_t node = ARG_BIT(ARG_NODE), both = node | ARG_BIT(ARG_JOB);
	static char longest[ARG_VALUE_MAX + 2];
	struct args args;
	uint64_t job;

	(void)state;
	assert_int_equal(parse(&args, both, both, 4, "--job", "7", "--node", "n1"), 0);
	assert_string_equal(args.value[ARG_NODE], "n1");
	assert_int_equal(args_u64(&args, ARG_JOB, 1, 10, &job, &why), 0);
	assert_int_equal(job, 7);
	assert_int_equal(args_u64(&args, ARG_JOB, 8, 10, &job, &why), -EINVAL);
	assert_null(args.value[ARG_UID]);
	assert_int_equal(parse(&args, 0, both, 0), 0);
	assert_int_equal(parse(&args, both, both, 2, "--node", "n1"), -EINVAL);
	assert_string_equal(why.message, "--job is missing");
	assert_int_equal(parse(&args, 0, both, 1, "--node"), -EINVAL);
	assert_int_equal(parse(&args, 0, both, 4, "--node", "a", "--node", "b"), -EINVAL);
	assert_int_equal(parse(&args, 0, both, 2, "--uid", "1"), -EINVAL);
	assert_int_equal(parse(&args, 0, both, 2, "", ""), -EINVAL);
	assert_int_equal(parse(&args, 0, both, 2, "--node", "../x"), -EINVAL);
	assert_int_equal(parse(&args, 0, both, 2, "--node", ""), -EINVAL);
	memset(longest, 'x', ARG_VALUE_MAX + 1);
	assert_int_equal(parse(&args, 0, ARG_BIT(ARG_OPTION_ERROR), 2, "--option-error", longest), -EINVAL);
	longest[ARG_VALUE_MAX] = 0;
	assert_int_equal(parse(&args, 0, ARG_BIT(ARG_OPTION_ERROR), 2, "--option-error", longest), 0);
}

static void group_ids(void **state)
{
	gid_t gids[3];

	(void)state;
	assert_int_equal(identity_parse_gids("", gids, 3), 0);
	assert_int_equal(identity_parse_gids("5", gids, 3), 1);
	assert_int_equal(identity_parse_gids("5,6,4294967294", gids, 3), 3);
	assert_int_equal(gids[2], 4294967294U);
	assert_int_equal(identity_parse_gids("5,6,7,8", gids, 3), -EINVAL);
	assert_int_equal(identity_parse_gids("5,", gids, 3), -EINVAL);
	assert_int_equal(identity_parse_gids(",5", gids, 3), -EINVAL);
	assert_int_equal(identity_parse_gids("4294967295", gids, 3), -EINVAL);
	assert_int_equal(identity_parse_gids("1 2", gids, 3), -EINVAL);
}

static void names_of_root(void **state)
{
	const gid_t gids[] = {0, 0, 4242424};
	struct kv kv = {0};

	(void)state;
	assert_int_equal(identity_user(0, 0, &kv, &why), 0);
	assert_string_equal(kv_get(&kv, "user"), "root");
	assert_non_null(kv_get(&kv, "home"));
	assert_int_equal(identity_groups(0, gids, 3, &kv, &why), 0);
	assert_string_equal(kv_get(&kv, "groups"), "0:root,4242424:4242424");
	assert_int_equal(identity_user(4242424, 0, &kv, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	kv_free(&kv);
}

static void users_of_an_image(void **state)
{
	(void)state;
	(void)snprintf(image.users, sizeof(image.users), "bob, alice");
	assert_int_equal(policy_user(&config, &image, "alice", GROUPS, &why), 0);
	assert_int_equal(policy_user(&config, &image, "carol", GROUPS, &why), -EACCES);
	assert_string_equal(why.message, "--vm: image tiny is only for the users bob, alice");
	/* one of both is enough */
	(void)snprintf(image.groups, sizeof(image.groups), "physics");
	assert_int_equal(policy_user(&config, &image, "carol", GROUPS, &why), 0);
	assert_int_equal(policy_user(&config, &image, "alice", "100:users", &why), 0);
	assert_int_equal(policy_user(&config, &image, "carol", "100:users", &why), -EACCES);
	assert_string_equal(why.message,
	                    "--vm: image tiny is only for the users bob, alice, and for the groups physics");
	/* what an image admits, the site may still deny */
	(void)snprintf(config.allow_users, sizeof(config.allow_users), "bob");
	assert_int_equal(policy_user(&config, &image, "alice", GROUPS, &why), -EACCES);
}

static void accounts_and_partitions(void **state)
{
	(void)state;
	assert_int_equal(policy_job(&config, &image, NULL, NULL, &why), 0);
	(void)snprintf(config.allow_accounts, sizeof(config.allow_accounts), "physics,chem");
	assert_int_equal(policy_job(&config, &image, "chem", NULL, &why), 0);
	assert_int_equal(policy_job(&config, &image, "che", NULL, &why), -EACCES);
	assert_int_equal(policy_job(&config, &image, "", NULL, &why), -EACCES);
	assert_int_equal(policy_job(&config, &image, NULL, "main", &why), -EACCES);
	assert_string_equal(why.message, "--vm: the site's policy has machines only for the accounts physics,chem; "
	                                 "the job's account is not known");
	/* all that are given must hold */
	(void)snprintf(image.accounts, sizeof(image.accounts), "physics");
	(void)snprintf(image.partitions, sizeof(image.partitions), "main");
	assert_int_equal(policy_job(&config, &image, "physics", "main", &why), 0);
	assert_int_equal(policy_job(&config, &image, "chem", "main", &why), -EACCES);
	assert_int_equal(policy_job(&config, &image, "physics", "mai", &why), -EACCES);
	assert_string_equal(why.message,
	                    "--vm: image tiny is only for the partitions main; the job's partition is mai");
	assert_int_equal(why.code, EXIT_DENIED);
	(void)snprintf(config.allow_partitions, sizeof(config.allow_partitions), "other");
	assert_int_equal(policy_job(&config, &image, "physics", "main", &why), -EACCES);
}

static void files_of_users(void **state)
{
	(void)state;
	assert_int_equal(policy_own_image(&config, GROUPS, &why), -EACCES);
	(void)snprintf(config.user_images, sizeof(config.user_images), "no");
	assert_int_equal(policy_own_image(&config, GROUPS, &why), -EACCES);
	(void)snprintf(config.user_images, sizeof(config.user_images), "yes");
	assert_int_equal(policy_own_image(&config, "", &why), 0);
	(void)snprintf(config.user_images, sizeof(config.user_images), "physics");
	assert_int_equal(policy_own_image(&config, GROUPS, &why), 0);
	assert_int_equal(policy_own_image(&config, "100:users", &why), -EACCES);
}

static void sizes_of_images(void **state)
{
	(void)state;
	config.fetch_size_max = 10 << 20;
	config.fetch_virtual_size_max = 100 << 20;
	assert_int_equal(limits_check_sizes(&config, &image, 10 << 20, 100 << 20, &why), 0);
	assert_int_equal(limits_check_sizes(&config, &image, (10 << 20) + 1, 1, &why), -EIO);
	assert_string_equal(why.message, "image tiny: its file has 11 MiB, and size_max is 10 MiB");
	assert_int_equal(limits_check_sizes(&config, &image, 1, (100 << 20) + 1, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	/* the image's own limits go first; a user's own image is his fault */
	image.size_max = 20 << 20;
	image.virtual_size_max = 50 << 20;
	assert_int_equal(limits_check_sizes(&config, &image, 20 << 20, 50 << 20, &why), 0);
	image.own = true;
	assert_int_equal(limits_check_sizes(&config, &image, 1, 60 << 20, &why), -EINVAL);
	assert_int_equal(why.code, EXIT_USAGE);
}

static int disk_of(const char *text, struct disk_option *disk)
{
	why = (struct failure){0};
	return policy_disk(&config, &image, text, disk, &why);
}

static void a_disk_is_the_jobs_the_images_or_the_sites(void **state)
{
	struct disk_option disk;

	(void)state;
	config_disk_default(&config.disk);
	(void)snprintf(config.disk.modes, sizeof(config.disk.modes), "overlay,snapshot , raw");
	assert_int_equal(disk_of(NULL, &disk), 0);
	assert_string_equal(disk.mode, "overlay");
	assert_string_equal(disk.prealloc, "off");
	assert_int_equal(disk.size, 0);
	assert_int_equal(disk_of("raw,size=2G,prealloc=falloc", &disk), 0);
	assert_string_equal(disk.mode, "raw");
	assert_string_equal(disk.prealloc, "falloc");
	assert_int_equal(disk.size, UINT64_C(2) << 30);
	(void)snprintf(image.disk_mode, sizeof(image.disk_mode), "snapshot");
	(void)snprintf(config.disk.prealloc, sizeof(config.disk.prealloc), "metadata");
	assert_int_equal(disk_of("size=1G", &disk), 0);
	assert_string_equal(disk.mode, "snapshot");
	assert_string_equal(disk.prealloc, "metadata");
	/* the site's preallocation is for the modes that have it */
	assert_int_equal(disk_of("raw", &disk), 0);
	assert_string_equal(disk.prealloc, "off");
	image.disk_mode[0] = 0;
	(void)snprintf(image.disk_modes, sizeof(image.disk_modes), "raw, snapshot, block");
	assert_int_equal(disk_of(NULL, &disk), 0);
	assert_string_equal(disk.mode, "snapshot");
}

static void a_disk_that_is_not_allowed_is_denied(void **state)
{
	struct disk_option disk;

	(void)state;
	config_disk_default(&config.disk);
	config.disk.size_max = UINT64_C(2) << 30;
	(void)snprintf(config.disk.modes, sizeof(config.disk.modes), "overlay, raw");
	assert_int_equal(disk_of("snapshot", &disk), -EACCES);
	assert_string_equal(why.message, "--vm-disk: mode snapshot is not allowed; image tiny has overlay, raw here");
	assert_int_equal(why.code, EXIT_DENIED);
	assert_int_equal(disk_of("size=2G", &disk), 0);
	assert_int_equal(disk_of("size=2049M", &disk), -EACCES);
	assert_string_equal(why.message, "--vm-disk: size: the site allows 2048 MiB (size_max), not 2049");
	assert_int_equal(disk_of("rew", &disk), -EINVAL);
	(void)snprintf(image.disk_mode, sizeof(image.disk_mode), "raw");
	assert_int_equal(disk_of("prealloc=metadata", &disk), -EINVAL);
	assert_string_equal(why.message, "--vm-disk: raw, the mode of this job, cannot have prealloc=metadata");
	(void)snprintf(image.disk_mode, sizeof(image.disk_mode), "block");
	assert_int_equal(disk_of(NULL, &disk), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_int_equal(disk_of("overlay", &disk), 0);
	image.disk_mode[0] = 0;
	(void)snprintf(image.disk_modes, sizeof(image.disk_modes), "snapshot");
	assert_int_equal(disk_of(NULL, &disk), -EIO);
	assert_string_equal(
	        why.message,
	        "image tiny: its disk_modes has snapshot, and modes of [disk] in wnodes.conf are overlay, raw");
	assert_int_equal(disk_of("overlay", &disk), -EACCES);
}

static void a_users_file_is_what_it_is_called(void **state)
{
	static const char *const bad[] = {"/a/b.img",    "/a/qcow2", "/a/.qcow2",  "/a/b.QCOW2",     "/a/b.qcow2.gz",
	                                  "/a/../b.raw", "b.raw",    "/a\n/b.raw", "/a/\xc3\xa4.raw"};

	(void)state;
	(void)snprintf(config.user_commands, sizeof(config.user_commands), "squeue");
	assert_int_equal(image_own(&image, &config, "/a/b.qcow2", &why), 0);
	assert_string_equal(image.format, "qcow2");
	assert_string_equal(image.source, "/a/b.qcow2");
	assert_string_equal(image.name, "b.qcow2");
	assert_string_equal(image.commands, "squeue");
	assert_true(image.own);
	assert_false(image.cloud_init);
	(void)snprintf(config.user_images_agent, sizeof(config.user_images_agent), "cloud-init");
	assert_int_equal(image_own(&image, &config, "/a/b.qcow2.raw", &why), 0);
	assert_string_equal(image.format, "raw");
	assert_true(image.cloud_init);
	assert_string_equal(image.machine, "q35");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(image_own(&image, &config, bad[i], &why), -EINVAL);
		assert_int_equal(why.code, EXIT_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_disk_is_the_jobs_the_images_or_the_sites, setup),
	        cmocka_unit_test_setup(a_disk_that_is_not_allowed_is_denied, setup),
	        cmocka_unit_test_setup(without_a_policy_everybody, setup),
	        cmocka_unit_test_setup(users_and_groups, setup),
	        cmocka_unit_test_setup(groups_of_an_image, setup),
	        cmocka_unit_test_setup(users_of_an_image, setup),
	        cmocka_unit_test_setup(accounts_and_partitions, setup),
	        cmocka_unit_test_setup(files_of_users, setup),
	        cmocka_unit_test_setup(sizes_of_images, setup),
	        cmocka_unit_test_setup(a_users_file_is_what_it_is_called, setup),
	        cmocka_unit_test_setup(boot_timeouts, setup),
	        cmocka_unit_test_setup(memory_of_a_machine, setup),
	        cmocka_unit_test_setup(memory_by_cpu, setup),
	        cmocka_unit_test_setup(too_little_memory, setup),
	        cmocka_unit_test_setup(arguments, setup),
	        cmocka_unit_test_setup(group_ids, setup),
	        cmocka_unit_test_setup(names_of_root, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
