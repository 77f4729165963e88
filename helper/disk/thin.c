/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/thin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/disk/copy.h"
#include "helper/disk/lvm.h"
#include "helper/disk/thin_base.h"
#include "helper/fs.h"
#include "helper/image/fetcher.h"
#include "helper/journal.h"

#define PERCENT_MAX 98.0 /* of the pool's data and metadata */
#define QUIET THIN_QUIET

struct thin {
	const struct disk_request *request;
	const struct disk_sizes *sizes;
	char group[66], pool[66]; /* names of LVM */
	char base[THIN_NAME_MAX], import[THIN_NAME_MAX], name[THIN_NAME_MAX];
};

static int names(struct thin *thin, struct failure *why)
{
	const struct record_id *id = &thin->request->record->id;
	const char *pool = thin->request->config->disk.thin_pool;
	const char *slash = strchr(pool, '/');
	char job[THIN_NAME_MAX];
	int rc = slash ? str_print(thin->group, sizeof(thin->group), "%.*s", (int)(slash - pool), pool) : -EINVAL;

	if (rc == 0)
		rc = str_print(thin->pool, sizeof(thin->pool), "%s", slash + 1);
	if (rc == 0)
		rc = str_print(job, sizeof(job), "%s-%" PRIu32 ".%" PRIu32, id->node, id->job, id->restart);
	if (rc == 0)
		rc = str_print(thin->name, sizeof(thin->name), "wnodes-%s", job);
	if (rc == 0)
		rc = str_print(thin->import, sizeof(thin->import), "wnodes-import-%s", job);
	if (rc == 0)
		rc = str_print(thin->base, sizeof(thin->base), THIN_BASE "%.*s", THIN_DIGITS,
		               thin->request->image->sha256);
	return rc < 0 ? failure_set(why, EXIT_NODE, "[disk] thin_pool: names of its volumes get too long") : 0;
}

static int note(const struct thin *thin, const char *name, struct failure *why)
{
	char argument[2 * THIN_NAME_MAX];
	int rc = str_print(argument, sizeof(argument), "%s/%s", thin->group, name);

	if (rc == 0)
		rc = journal_append(thin->request->record->dirfd, "block", argument);
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot note the disk in the journal: %s", strerror(-rc)) : 0;
}

static int create(const struct thin *thin, const char *name, uint64_t bytes, struct failure *why)
{
	struct lvm_command command = {0};
	int rc = lvm_command(&command,
	                     "lvcreate --yes " QUIET " --type thin --virtualsize %" PRIu64
	                     "b --wipesignatures n --name %s --thinpool %s %s",
	                     bytes, name, thin->pool, thin->group);

	return rc == 0 ? lvm_run(&command, NULL, 0, why) : rc;
}

static int claim(const struct thin *thin, const char *name, struct device *device, struct failure *why)
{
	char path[PATH_MAX], problem[DEVICE_WHY_MAX];

	(void)str_print(path, sizeof(path), "/dev/%s/%s", thin->group, name);
	return device_claim(device, path, problem) < 0 ? failure_set(why, EXIT_NODE, "%.128s: %.256s", path, problem)
	                                               : 0;
}

/* As the user who fetches images: no job's user writes what others boot from. */
static int import_write(const struct thin *thin, struct copy *copy, struct failure *why)
{
	const struct image *image = thin->request->image;
	struct device device = {.claim = -1};
	struct fetcher fetcher;
	int base = fs_open_file(image->source, NULL);
	int node = -1;
	int rc = base < 0 ? failure_set(why, EXIT_NODE, "image %s: %s", image->name, strerror(-base)) : 0;

	if (rc == 0)
		rc = fetcher_open(&fetcher, why);
	if (rc == 0)
		rc = claim(thin, thin->import, &device, why);
	if (rc == 0) {
		node = device_node(device.number, fetcher.uid, fetcher.gid);
		if (node < 0)
			rc = failure_set(why, EXIT_NODE, "%.128s: no node can be made: %s", device.path,
			                 strerror(-node));
	}
	if (rc == 0)
		rc = copy_image(copy, base, node, fetcher.uid, fetcher.gid, 0, why);
	if (node >= 0)
		close(node);
	if (base >= 0)
		close(base);
	device_close(&device);
	return rc;
}

/* Under the lock: what has the base's name is whole. */
static int import(const struct thin *thin, struct copy *copy, struct failure *why)
{
	static const char *const forms[] = {"lvchange " QUIET " --activate n %s/%s",
	                                    "lvchange " QUIET " --permission r %s/%s", "lvrename " QUIET " %s %s %s"};
	struct lvm_command command = {0};
	int rc = note(thin, thin->import, why);

	if (rc == 0)
		rc = create(thin, thin->import, thin->sizes->base, why);
	if (rc == 0)
		rc = import_write(thin, copy, why);
	for (size_t i = 0; rc == 0 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		rc = lvm_command(&command, forms[i], thin->group, thin->import, thin->base);
		if (rc == 0)
			rc = lvm_run(&command, NULL, 0, why);
	}
	return rc;
}

struct waiting {
	struct copy *copy;
	struct failure *why;
};

static int wait_for_base(void *context)
{
	const struct waiting *waiting = context;

	return copy_progress(waiting->copy, 0, waiting->why);
}

/* Under the lock, so that nobody takes the base away meanwhile. */
static int snapshot_locked(const struct thin *thin, struct copy *copy, struct failure *why)
{
	struct lvm_command command = {0};
	int rc = thin_is_there(thin->group, thin->base, why);

	if (rc == 0)
		rc = import(thin, copy, why);
	if (rc >= 0)
		rc = lvm_command(&command,
		                 "lvcreate --yes " QUIET
		                 " --snapshot --permission rw --setactivationskip n --name %s %s/%s",
		                 thin->name, thin->group, thin->base);
	return rc == 0 ? lvm_run(&command, NULL, 0, why) : rc;
}

static int grow(const struct thin *thin, struct failure *why)
{
	struct lvm_command command = {0};
	uint64_t bytes = 0;
	char size[32] = "";
	int rc = lvm_command(&command, "lvs --noheadings --nosuffix --units b --options lv_size %s/%s", thin->group,
	                     thin->name);

	if (rc == 0)
		rc = lvm_run(&command, size, sizeof(size), why);
	if (rc == 0 && str_u64(size, 1, UINT64_MAX, &bytes) < 0)
		rc = failure_set(why, EXIT_NODE, "LVM: lvs: '%.20s' is no size", size);
	if (rc < 0 || bytes >= thin->sizes->disk)
		return rc;
	rc = lvm_command(&command, "lvextend " QUIET " --size %" PRIu64 "b %s/%s", thin->sizes->disk, thin->group,
	                 thin->name);
	return rc == 0 ? lvm_run(&command, NULL, 0, why) : rc;
}

static int snapshot(const struct thin *thin, struct failure *why)
{
	struct copy copy = {.request = thin->request,
	                    .task = "cannot write the image into the thin pool",
	                    .doing = "written into the thin pool",
	                    .bytes = thin->sizes->base};
	struct waiting waiting = {&copy, why};
	int lock, rc;

	copy_begin(&copy);
	lock = thin_base_lock(wait_for_base, &waiting);
	if (lock < 0)
		return lock == -ECANCELED || why->code
		               ? lock
		               : failure_set(why, EXIT_NODE, "the lock of the thin pool: %s", strerror(-lock));
	rc = snapshot_locked(thin, &copy, why);
	close(lock);
	return rc == 0 ? grow(thin, why) : rc;
}

int thin_make(const struct disk_request *request, const struct disk_sizes *sizes, struct device *device, bool *empty,
              struct failure *why)
{
	struct thin thin = {.request = request, .sizes = sizes};
	int rc = names(&thin, why);

	*device = (struct device){.claim = -1};
	*empty = request->image->own || !request->image->sha256[0];
	if (rc == 0)
		rc = thin_check(request->config->disk.thin_pool, why);
	if (rc == 0)
		rc = note(&thin, thin.name, why);
	if (rc == 0)
		rc = *empty ? create(&thin, thin.name, sizes->disk, why) : snapshot(&thin, why);
	if (rc == 0)
		rc = claim(&thin, thin.name, device, why);
	if (rc == -ENAMETOOLONG)
		rc = failure_set(why, EXIT_NODE, "[disk] thin_pool: LVM's command lines get too long");
	return rc;
}

int thin_remove(const char *argument)
{
	const char *slash = strchr(argument, '/');
	struct lvm_command command = {0};
	struct failure why = {0};
	char group[66];
	int rc = slash ? str_print(group, sizeof(group), "%.*s", (int)(slash - argument), argument) : -EINVAL;

	/* only ever a volume of ours: the journal is trusted, and held to its word all the same */
	if (rc == 0 && (strncmp(slash, "/wnodes-", 8) != 0 || strncmp(slash, "/wnodes-base-", 13) == 0 ||
	                strchr(slash + 1, '/') || strpbrk(argument, " -") == argument))
		rc = -EINVAL;
	if (rc == 0)
		rc = thin_is_there(group, slash + 1, &why);
	if (rc > 0) {
		rc = lvm_command(&command, "lvremove --yes --force " QUIET " %s", argument);
		if (rc == 0)
			rc = lvm_run(&command, NULL, 0, &why);
	}
	if (rc < 0 && why.code)
		log_error("%s", why.message);
	return rc;
}

int thin_check(const char *pool, struct failure *why)
{
	struct lvm_command command = {0};
	char state[256] = "", layout[64] = "";
	double data = 0, metadata = 0;
	int zero = 0;
	int rc = lvm_command(&command,
	                     "lvs --noheadings --binary --separator ; "
	                     "--options lv_layout,zero,data_percent,metadata_percent %s",
	                     pool);

	if (rc == 0)
		rc = lvm_run(&command, state, sizeof(state), why);
	if (rc < 0)
		return why->code ? rc : failure_set(why, EXIT_NODE, "[disk] thin_pool: its name is too long");
	if (sscanf(state, "%63[^;];%d;%lf;%lf", layout, &zero, &data, &metadata) != 4 ||
	    strcmp(layout, "thin,pool") != 0)
		return failure_set(why, EXIT_NODE, "[disk] thin_pool = %s is no thin pool, or not active", pool);
	/* blocks of a volume that is gone would show through those of the next one */
	if (zero != 1)
		return failure_set(why, EXIT_NODE,
		                   "[disk] thin_pool = %s does not zero its blocks (lvchange --zero y %s)", pool, pool);
	if (data >= PERCENT_MAX || metadata >= PERCENT_MAX)
		return failure_set(why, EXIT_NODE, "the thin pool %s is full (data %.0f %%, metadata %.0f %%)", pool,
		                   data, metadata);
	return 0;
}
