/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/size.h"
#include "helper/fs.h"

#define LOCK_MS 3000U

struct count {
	uint64_t machines, bytes;
};

int limits_lock(struct failure *why)
{
	int fd = fs_open_folder(WNODES_JOBS, 0);
	int rc = fd < 0 ? fd : fs_lock(fd, LOCK_MS);

	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return failure_set(why, EXIT_NODE, "the limits of " WNODES_JOBS " cannot be locked: %s", strerror(-rc));
}

static int count_record(void *context, const struct record *record)
{
	struct count *count = context;
	uint64_t bytes = 0;

	if (kv_get_u64(&record->kv, "overlay_bytes", 0, UINT64_MAX, &bytes) == 0)
		count->bytes += bytes;
	count->machines +=
	        record_is(record, "prepared") || record_is(record, "allocated") || record_is(record, "started");
	return 0;
}

/* The claims of all records but this one. */
static int limits_count(const struct record *record, struct count *count, struct failure *why)
{
	int rc;

	*count = (struct count){0};
	rc = record_each(&record->id, count_record, count);
	return rc < 0 ? failure_set(why, EXIT_NODE, "the records of jobs cannot be read: %s", strerror(-rc)) : 0;
}

static int limits_save(int rc, struct failure *why)
{
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot write the job's record: %s", strerror(-rc)) : 0;
}

int limits_claim_machine(const struct config *config, struct record *record, struct failure *why)
{
	struct count count;
	int lock, rc;

	if (config->machines_max == 0)
		return 0;
	lock = limits_lock(why);
	if (lock < 0)
		return lock;
	rc = limits_count(record, &count, why);
	if (rc == 0 && count.machines >= config->machines_max)
		rc = failure_set(why, EXIT_NODE,
		                 "node %s has %" PRIu64
		                 " machines already, and machines_max of wnodes.conf is %" PRIu64,
		                 record->id.node, count.machines, config->machines_max);
	if (rc == 0)
		rc = limits_save(record_set_phase(record, "prepared", NULL), why);
	close(lock);
	return rc;
}

static int limits_too_large(const struct image *image, const char *what, uint64_t bytes, const char *key, uint64_t max,
                            struct failure *why)
{
	return failure_set(why, image->own ? EXIT_USAGE : EXIT_NODE,
	                   "image %s: %s has %" PRIu64 " MiB, and %s is %" PRIu64 " MiB", image->name, what,
	                   size_mib_up(bytes), key, max / MIB);
}

int limits_check_sizes(const struct config *config, const struct image *image, uint64_t file, uint64_t disk,
                       struct failure *why)
{
	uint64_t file_max = image->size_max ? image->size_max : config->fetch_size_max;
	uint64_t disk_max = image->virtual_size_max ? image->virtual_size_max : config->fetch_virtual_size_max;

	if (file > file_max)
		return limits_too_large(image, "its file", file, "size_max", file_max, why);
	if (disk > disk_max)
		return limits_too_large(image, "its disk", disk, "virtual_size_max", disk_max, why);
	return 0;
}

int limits_claim_disk(const struct config *config, struct record *record, uint64_t bytes, struct failure *why)
{
	struct count count = {0};
	int lock, rc;

	lock = limits_lock(why);
	if (lock < 0)
		return lock;
	rc = config->overlay_max ? limits_count(record, &count, why) : 0;
	if (rc == 0 && config->overlay_max &&
	    (count.bytes > config->overlay_max || bytes > config->overlay_max - count.bytes))
		rc = failure_set(why, EXIT_NODE,
		                 "node %s: the machine's disk may come to %" PRIu64 " MiB, those of others to %" PRIu64
		                 " MiB, and overlay_max of wnodes.conf is %" PRIu64 " MiB",
		                 record->id.node, size_mib_up(bytes), size_mib_up(count.bytes),
		                 config->overlay_max / MIB);
	if (rc == 0)
		rc = kv_setf(&record->kv, "overlay_bytes", "%" PRIu64, bytes);
	if (rc == 0)
		rc = limits_save(record_save(record), why);
	close(lock);
	return rc;
}
