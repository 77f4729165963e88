/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/fs.h"

#define NAME_SIZE 32U /* of JOB.RESTART */

static void record_name(const struct record_id *id, char *name)
{
	(void)str_print(name, NAME_SIZE, "%" PRIu32 ".%" PRIu32, id->job, id->restart);
}

int record_parse_name(const char *name, uint32_t *job, uint32_t *restart)
{
	char copy[NAME_SIZE];
	uint64_t numbers[2];
	char *dot;

	if (str_print(copy, sizeof(copy), "%s", name) < 0)
		return -EINVAL;
	dot = strchr(copy, '.');
	if (!dot)
		return -EINVAL;
	*dot = 0;
	if (str_u64(copy, 1, RECORD_JOB_MAX, &numbers[0]) < 0 ||
	    str_u64(dot + 1, 0, RECORD_RESTART_MAX, &numbers[1]) < 0)
		return -EINVAL;
	*job = (uint32_t)numbers[0];
	*restart = (uint32_t)numbers[1];
	return 0;
}

/* The folder of all records, or of a node's; made where missing with create. */
static int record_open_node(const char *node, bool create)
{
	int state = fs_open_folder(WNODES_STATEDIR, create ? 0711 : 0);
	int jobs, fd;

	if (state < 0)
		return state;
	jobs = fs_open_child(state, "jobs", create, 0700);
	close(state);
	if (jobs < 0 || !node)
		return jobs;
	fd = fs_open_child(jobs, node, create, 0700);
	close(jobs);
	return fd;
}

static int record_open_lock(const struct record *record)
{
	int fd = openat(record->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int record_create(struct record *record, const struct record_id *id)
{
	char name[NAME_SIZE];
	int rc = 0;
	int node = record_open_node(id->node, true);

	*record = (struct record){.id = *id, .dirfd = -1, .lock = -1};
	if (node < 0)
		return node;
	record_name(id, name);
	if (mkdirat(node, name, 0700) < 0)
		rc = -errno;
	if (rc == 0)
		rc = record->dirfd = fs_open_child(node, name, false, 0);
	if (rc >= 0 && fsync(node) < 0)
		rc = -errno;
	close(node);
	if (rc >= 0)
		rc = record->lock = record_open_lock(record);
	if (rc >= 0)
		rc = fs_lock(record->lock, 0);
	if (rc < 0)
		record_close(record);
	return rc < 0 ? rc : 0;
}

int record_open(struct record *record, const struct record_id *id)
{
	char name[NAME_SIZE];
	int node = record_open_node(id->node, false);
	int rc;

	*record = (struct record){.id = *id, .dirfd = -1, .lock = -1};
	if (node < 0)
		return node;
	record_name(id, name);
	record->dirfd = fs_open_child(node, name, false, 0);
	close(node);
	if (record->dirfd < 0)
		return record->dirfd;
	rc = kv_load(&record->kv, record->dirfd, "record");
	if (rc == -ENOMEM)
		record_close(record);
	return rc == -ENOMEM ? rc : 0;
}

int record_open_latest(struct record *record, const char *node, uint32_t job)
{
	struct record_id *ids = NULL;
	size_t count = 0;
	int rc = record_list(node, job, &ids, &count);

	if (rc == 0)
		rc = count ? record_open(record, &ids[count - 1]) : -ENOENT;
	free(ids);
	return rc;
}

int record_lock(struct record *record, unsigned int ms)
{
	int fd = record_open_lock(record);
	int rc = fd < 0 ? fd : fs_lock(fd, ms);

	if (rc == 0)
		rc = kv_load(&record->kv, record->dirfd, "record");
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	record->lock = fd;
	return 0;
}

int record_save(struct record *record)
{
	return kv_save(&record->kv, record->dirfd, "record", 0600, 1);
}

int record_set_phase(struct record *record, const char *phase, const struct failure *why)
{
	int rc = kv_set(&record->kv, "phase", phase);

	if (rc == 0 && why)
		rc = kv_setf(&record->kv, "code", "%d", why->code);
	if (rc == 0 && why)
		rc = kv_set(&record->kv, "message", why->message);
	return rc == 0 ? record_save(record) : rc;
}

bool record_is(const struct record *record, const char *phase)
{
	const char *value = kv_get(&record->kv, "phase");

	return value && strcmp(value, phase) == 0;
}

int record_owner(const struct record *record, uid_t *uid, gid_t *gid)
{
	int rc = kv_get_u32(&record->kv, "uid", 1, UINT32_MAX - 1, uid);

	if (rc == 0)
		rc = kv_get_u32(&record->kv, "gid", 0, UINT32_MAX - 1, gid);
	return rc < 0 ? -EINVAL : 0;
}

int record_cancel(const struct record *record)
{
	int fd = openat(record->dirfd, "cancelled", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

bool record_is_cancelled(const struct record *record)
{
	return faccessat(record->dirfd, "cancelled", F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int record_remove(struct record *record)
{
	/* the journal after what it could still explain, the lock last: who waits for it finds no record */
	static const char *const files[] = {"record.new", "record",    "machine.new", "machine",
	                                    "journal",    "cancelled", "lock"};
	char name[NAME_SIZE];
	int node = record_open_node(record->id.node, false);
	int rc;

	if (node < 0)
		return node == -ENOENT ? 0 : node;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(record->dirfd, files[i], 0);
	record_name(&record->id, name);
	rc = fs_remove_folder(node, name);
	close(node);
	return rc;
}

void record_close(struct record *record)
{
	if (record->lock >= 0)
		close(record->lock);
	if (record->dirfd >= 0)
		close(record->dirfd);
	kv_free(&record->kv);
	record->lock = -1;
	record->dirfd = -1;
}

static int record_compare(const void *a, const void *b)
{
	const struct record_id *x = a, *y = b;
	int order = strcmp(x->node, y->node);

	if (order != 0)
		return order;
	if (x->job != y->job)
		return x->job < y->job ? -1 : 1;
	return (x->restart > y->restart) - (x->restart < y->restart);
}

static int record_list_node(const char *node, uint32_t job, struct record_id **ids, size_t *count)
{
	int fd = record_open_node(node, false);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return fd < 0 && fd != -ENOENT ? fd : 0;
	}
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		struct record_id id = {0};
		struct record_id *grown;

		if (record_parse_name(entry->d_name, &id.job, &id.restart) < 0 || (job && id.job != job))
			continue;
		(void)str_print(id.node, sizeof(id.node), "%s", node);
		grown = reallocarray(*ids, *count + 1, sizeof(id));
		if (grown) {
			*ids = grown;
			grown[(*count)++] = id;
		} else {
			rc = -ENOMEM;
		}
	}
	closedir(folder);
	return rc;
}

int record_list(const char *node, uint32_t job, struct record_id **ids, size_t *count)
{
	const struct dirent *entry;
	DIR *folder;
	int rc = 0;
	int fd;

	*ids = NULL;
	*count = 0;
	if (node) {
		rc = record_list_node(node, job, ids, count);
	} else {
		fd = record_open_node(NULL, false);
		folder = fd < 0 ? NULL : fdopendir(fd);
		if (!folder) {
			if (fd >= 0)
				close(fd);
			return fd < 0 && fd != -ENOENT ? fd : 0;
		}
		while (rc == 0 && (entry = readdir(folder)) != NULL)
			if (str_is_name(entry->d_name))
				rc = record_list_node(entry->d_name, job, ids, count);
		closedir(folder);
	}
	if (*count > 1)
		qsort(*ids, *count, sizeof(**ids), record_compare);
	return rc;
}

static bool is_same(const struct record_id *one, const struct record_id *other)
{
	return one->job == other->job && one->restart == other->restart && strcmp(one->node, other->node) == 0;
}

int record_each(const struct record_id *own, record_call *call, void *context)
{
	struct record_id *ids = NULL;
	size_t count = 0;
	int rc = record_list(NULL, 0, &ids, &count);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct record record;

		if (own && is_same(own, &ids[i]))
			continue;
		rc = record_open(&record, &ids[i]);
		if (rc == 0) {
			rc = call(context, &record);
			record_close(&record);
		} else if (rc == -ENOENT) {
			rc = 0;
		}
	}
	free(ids);
	return rc;
}

int record_boot_id(char *id)
{
	ssize_t n = fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, 40);

	if (n < 0)
		return (int)n;
	id[strcspn(id, "\n")] = 0;
	return 0;
}
