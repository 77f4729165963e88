/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prepare: from the prolog. Makes the job's record and run folder, and checks
 * the job's wishes. What is wrong with them is recorded, not returned: the
 * prolog succeeds, and the job's first task says it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/command_names.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/choose.h"
#include "helper/config.h"
#include "helper/identity.h"
#include "helper/image/cache.h"
#include "helper/image/catalogue.h"
#include "helper/leases.h"
#include "helper/limits.h"
#include "helper/mounts.h"
#include "helper/network/networks.h"
#include "helper/policy.h"
#include "helper/record.h"
#include "helper/state.h"
#include "helper/verbs.h"
#include "helper/virtiofsd.h"

#define RECONCILE_MS 2000U
#define KILL_MS 10000U /* for an earlier life of the job to go */

struct wish {
	struct record_id id;
	uid_t uid;
	gid_t gid;
	const struct args *args;
};

static int prepare_parse(const struct args *args, struct wish *wish, struct failure *why)
{
	uint64_t job, restart, uid, gid;

	if (args_u64(args, ARG_JOB, 1, RECORD_JOB_MAX, &job, why) < 0 ||
	    args_u64(args, ARG_RESTART, 0, RECORD_RESTART_MAX, &restart, why) < 0 ||
	    args_u64(args, ARG_UID, 0, UINT32_MAX - 1, &uid, why) < 0 ||
	    args_u64(args, ARG_GID, 0, UINT32_MAX - 1, &gid, why) < 0)
		return -EINVAL;
	*wish = (struct wish){.args = args, .uid = (uid_t)uid, .gid = (gid_t)gid};
	wish->id.job = (uint32_t)job;
	wish->id.restart = (uint32_t)restart;
	return str_print(wish->id.node, sizeof(wish->id.node), "%s", args->value[ARG_NODE]);
}

/* What holds whatever the job wants, and of its user's own words those that are names. */
static int prepare_basics(struct record *record, const struct wish *wish)
{
	const char *image = wish->args->value[ARG_IMAGE];
	const char *partition = wish->args->value[ARG_PARTITION];
	char boot[40];
	int rc = record_boot_id(boot);

	if (rc == 0 && image && str_is_name(image))
		rc = kv_set(&record->kv, "image", image);
	if (rc == 0 && partition && str_is_name(partition))
		rc = kv_set(&record->kv, "partition", partition);
	if (rc == 0)
		rc = kv_set(&record->kv, "boot_id", boot);
	if (rc == 0)
		rc = kv_set(&record->kv, "node", wish->id.node);
	if (rc == 0)
		rc = kv_setf(&record->kv, "job", "%" PRIu32, wish->id.job);
	if (rc == 0)
		rc = kv_setf(&record->kv, "restart", "%" PRIu32, wish->id.restart);
	if (rc == 0)
		rc = kv_setf(&record->kv, "uid", "%" PRIu32, wish->uid);
	if (rc == 0)
		rc = kv_setf(&record->kv, "gid", "%" PRIu32, wish->gid);
	if (rc == 0)
		rc = kv_setf(&record->kv, "t.prepared", "%" PRIu64, clock_wall());
	return rc;
}

/* What the plugin found wrong already, and what no policy allows. */
static int prepare_check_options(const struct wish *wish, struct failure *why)
{
	const char *error = wish->args->value[ARG_OPTION_ERROR];
	const char *cpus = wish->args->value[ARG_CPUS];
	uint64_t number;

	if (error)
		return failure_set(why, EXIT_USAGE, "%.400s", error);
	if (wish->uid == 0)
		return failure_set(why, EXIT_DENIED,
		                   "--vm: jobs of root get no machine, whose host side would be root's");
	if (cpus && str_u64(cpus, 1, 65535, &number) < 0)
		return failure_set(why, EXIT_NODE, "--cpus: '%.64s' is no number of CPUs", cpus);
	return 0;
}

static int prepare_console(struct record *record, const char *console, struct failure *why)
{
	if (!console)
		return 0;
	if (!str_is_path(console) || kv_set(&record->kv, "console", console) < 0)
		return failure_set(why, EXIT_USAGE,
		                   "--vm-console: '%.200s' is not an absolute path without '.' and '..'", console);
	return 0;
}

static int prepare_disk(const struct config *config, const struct image *image, const struct args *args, struct kv *kv,
                        struct failure *why)
{
	struct disk_option disk;
	int rc = policy_disk(config, image, args->value[ARG_DISK], &disk, why);

	if (rc < 0)
		return rc;
	if (kv_set(kv, "disk.mode", disk.mode) < 0 || kv_set(kv, "disk.prealloc", disk.prealloc) < 0 ||
	    (disk.size && kv_setf(kv, "disk.size", "%" PRIu64, disk.size) < 0))
		return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

/* Which ones; what they take is claimed once all else is right. */
static int prepare_networks(const struct config *config, const struct args *args, struct record *record,
                            struct failure *why)
{
	const struct policy_job job = {.user = kv_get(&record->kv, "user"),
	                               .groups = kv_get(&record->kv, "groups"),
	                               .account = args->value[ARG_ACCOUNT],
	                               .partition = args->value[ARG_PARTITION]};
	int rc = networks_choose(config, args->value[ARG_NETWORK], &job, record, why);

	if (rc == 0 && kv_set(&record->kv, "vm_network", args->value[ARG_NETWORK]) < 0)
		rc = failure_set(why, EXIT_NODE, "out of memory");
	return rc;
}

/* What a job that this one submits is to have, too. */
static int prepare_inherited(struct kv *kv, const struct args *args, struct failure *why)
{
	const char *mount = args->value[ARG_MOUNT];

	if (mount && strlen(mount) > KV_VALUE_MAX)
		return failure_set(why, EXIT_USAGE, "--vm-mount: more than %u bytes", KV_VALUE_MAX);
	if (kv_set(kv, "vm_mount", mount) < 0 || kv_set(kv, "vm_boot_timeout", args->value[ARG_BOOT_TIMEOUT]) < 0 ||
	    kv_set(kv, "vm_disk", args->value[ARG_DISK]) < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

/* Check the job's wishes and write what follows from them into the record. */
static int prepare_check(struct record *record, const struct wish *wish, struct failure *why)
{
	static struct config config;
	static struct image image;
	const struct args *args = wish->args;
	struct kv *kv = &record->kv;
	char commands[COMMAND_NAMES_MAX];
	uint64_t boot_timeout = 0;
	int rc = prepare_check_options(wish, why);

	if (rc == 0)
		rc = config_load(&config, why);
	if (rc == 0)
		rc = choose_image(&config, args, kv, &image, why);
	if (rc == 0)
		rc = policy_boot_timeout(&config, args->value[ARG_BOOT_TIMEOUT], &boot_timeout, why);
	if (rc == 0)
		rc = prepare_console(record, args->value[ARG_CONSOLE], why);
	if (rc == 0)
		rc = mounts_record(&config, args->value[ARG_MOUNT], kv, why);
	if (rc == 0)
		rc = prepare_disk(&config, &image, args, kv, why);
	if (rc == 0)
		rc = prepare_inherited(kv, args, why);
	if (rc == 0)
		rc = identity_user(wish->uid, wish->gid, kv, why);
	if (rc == 0)
		rc = policy_user(&config, &image, kv_get(kv, "user"), kv_get(kv, "groups"), why);
	if (rc == 0)
		rc = policy_job(&config, &image, args->value[ARG_ACCOUNT], args->value[ARG_PARTITION], why);
	if (rc == 0)
		rc = prepare_networks(&config, args, record, why);
	if (rc == 0 && image.own)
		rc = policy_own_image(&config, kv_get(kv, "groups"), why);
	if (rc == 0)
		rc = virtiofsd_choose(&config, wish->uid, wish->gid, kv, why);
	if (rc == 0 && !image.own)
		rc = image_check_files(&image, why);
	if (rc < 0)
		return rc;
	command_names_both(config.commands, image.commands, commands);
	if (kv_setf(kv, "boot_timeout", "%" PRIu64, boot_timeout) < 0 ||
	    kv_set(kv, "cpus", args->value[ARG_CPUS]) < 0 ||
	    kv_set(kv, "slurm_commands", commands[0] ? commands : NULL) < 0 ||
	    kv_set(kv, "slurm_images", config.other_images ? "any" : NULL) < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	rc = limits_claim_machine(&config, record, why);
	if (rc == 0)
		rc = networks_lease(&config, record, why);
	/* whoever has a machine to wait for has its image fetched */
	return rc == 0 && image_is_cached(&image) ? cache_start(&config, &image, why) : rc;
}

/* The record and the run folder stand; from here on a failure can be told to the job. */
static int prepare_make(struct record *record, const struct wish *wish, struct failure *why)
{
	int rc = record_create(record, &wish->id);

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot make the job's record: %s", strerror(-rc));
	rc = prepare_basics(record, wish);
	if (rc < 0) {
		record_close(record);
		return failure_set(why, EXIT_NODE, "cannot fill the job's record: %s", strerror(-rc));
	}
	rc = state_make_folder(record, wish->uid, why);
	if (rc < 0)
		record_close(record);
	return rc;
}

/*
 * There can be no record: no space, or an earlier life of the job that does
 * not end. The run folder alone, on another file system, keeps the job from
 * running on the host and says why; destroy finds it without a journal.
 */
static void prepare_refuse(const struct wish *wish, const struct failure *why)
{
	struct record record = {.id = wish->id, .dirfd = -1, .lock = -1};
	struct failure ignored = {0};

	if (prepare_basics(&record, wish) == 0 && state_make_folder(&record, wish->uid, &ignored) == 0)
		(void)state_set(&record, "failed", why);
	record_close(&record);
}

int verb_prepare(const struct caller *caller, const struct args *args, struct failure *why)
{
	struct failure found = {0};
	struct record record;
	struct wish wish;
	int rc;

	(void)caller;
	if (prepare_parse(args, &wish, why) < 0)
		return why->code ? why->code : EXIT_USAGE;
	/* a requeued job's earlier life, or what a crash left of it */
	rc = destroy_job(wish.id.node, wish.id.job, false, KILL_MS, why);
	if (rc == 0 && !choose_is_wanted(args))
		return 0;
	if (rc == 0)
		(void)leases_reconcile(false, RECONCILE_MS);
	if (rc < 0 || prepare_make(&record, &wish, why) < 0) {
		prepare_refuse(&wish, why);
		return why->code;
	}
	rc = prepare_check(&record, &wish, &found);
	if (rc < 0 && found.code == EXIT_NODE)
		log_error("job %" PRIu32 ": %s", wish.id.job, found.message);
	rc = record_set_phase(&record, rc < 0 ? "failed" : "prepared", rc < 0 ? &found : NULL);
	if (rc < 0) {
		(void)failure_set(why, EXIT_NODE, "cannot write the job's record: %s", strerror(-rc));
		found = *why;
	}
	rc = state_set(&record, found.code ? "failed" : "prepared", found.code ? &found : NULL);
	if (rc < 0 && why->code == 0)
		(void)failure_set(why, EXIT_NODE, "cannot write the job's state: %s", strerror(-rc));
	record_close(&record);
	return why->code;
}
