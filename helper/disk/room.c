/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/size.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/record.h"

#define LOCK "room.lock" /* in WNODES_STATEDIR */
#define LOCK_MS 10000U
#define KEY "room"

struct room {
	dev_t device;
	uint64_t left;     /* on the file system */
	uint64_t promised; /* of that, to others */
};

/* What a record's disk is still to get of the file system. */
static int count_claim(void *context, const struct record *record)
{
	struct room *room = context;
	const char *text = kv_get(&record->kv, KEY);
	const char *space = text ? strchr(text, ' ') : NULL;
	uint64_t bytes, has;
	char digits[24];
	struct stat st;

	if (!space || record_is(record, "failed") ||
	    str_print(digits, sizeof(digits), "%.*s", (int)(space - text), text) < 0 ||
	    str_u64(digits, 0, UINT64_MAX, &bytes) < 0 || lstat(space + 1, &st) < 0 || st.st_dev != room->device)
		return 0;
	has = (uint64_t)st.st_blocks * 512;
	room->promised += bytes > has ? bytes - has : 0;
	return 0;
}

static int measure(const struct disk_request *request, struct room *room)
{
	int folder = fs_open_folder(request->config->overlay_dir, 0);
	struct statvfs fs;
	struct stat st;
	int rc = folder < 0 ? folder : fstatvfs(folder, &fs) < 0 || fstat(folder, &st) < 0 ? -errno : 0;

	if (folder >= 0)
		close(folder);
	if (rc < 0)
		return rc;
	*room = (struct room){.device = st.st_dev, .left = (uint64_t)fs.f_bavail * fs.f_frsize};
	return record_each(&request->record->id, count_claim, room);
}

static int save(struct record *record, int rc, struct failure *why)
{
	if (rc == 0)
		rc = record_save(record);
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot write the job's record: %s", strerror(-rc)) : 0;
}

/* Under the lock. */
static int claim(const struct disk_request *request, const char *path, uint64_t bytes, struct failure *why)
{
	const char *folder = request->config->overlay_dir;
	struct room room;
	uint64_t free_bytes;
	int rc = measure(request, &room);

	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the room in %s cannot be found out: %s", folder, strerror(-rc));
	free_bytes = room.left > room.promised ? room.left - room.promised : 0;
	if (bytes > free_bytes)
		return failure_set(why, EXIT_NODE,
		                   "no space left for the machine's disk: it takes %" PRIu64
		                   " MiB from the beginning, and %s has %" PRIu64 "%s",
		                   size_mib_up(bytes), folder, free_bytes / MIB,
		                   room.promised ? " besides what disks that are being made will take" : "");
	return save(request->record, kv_setf(&request->record->kv, KEY, "%" PRIu64 " %s", bytes, path), why);
}

int room_claim(const struct disk_request *request, const char *path, uint64_t bytes, struct failure *why)
{
	int lock = fs_open_lock(WNODES_STATEDIR, LOCK, LOCK_MS);
	int rc;

	if (lock < 0)
		return failure_set(why, EXIT_NODE, WNODES_STATEDIR "/" LOCK ": %s", strerror(-lock));
	rc = claim(request, path, bytes, why);
	close(lock);
	return rc;
}

int room_release(const struct disk_request *request, struct failure *why)
{
	return save(request->record, kv_set(&request->record->kv, KEY, NULL), why);
}
