/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/size.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/journal.h"
#include "helper/list.h"
#include "helper/record.h"

#define LOCK "devices.lock" /* in WNODES_STATEDIR */
#define LOCK_MS 30000U      /* others look through all processes meanwhile */
#define ARGUMENT_MAX (PATH_MAX + 96U)
#define DEVICES_MAX 256U

/* What a journal's line says. */
struct line {
	char path[PATH_MAX];
	dev_t number;
	char boot[40];
};

/* What is being looked for. */
struct search {
	const struct disk_request *request;
	uint64_t bytes;
	char *leases; /* the arguments of all journals, a line each, from malloc */
	size_t used;
	char boot[40];
	unsigned int leased, small;
	uint64_t largest;
	char refused[DEVICE_WHY_MAX + PATH_MAX]; /* the first device that cannot be used, and why; "" */
};

static int line_parse(const char *argument, struct line *line)
{
	unsigned int major = 0, minor = 0;
	const char *space = strchr(argument, ' ');
	char end = 0;

	*line = (struct line){0};
	if (!space || str_print(line->path, sizeof(line->path), "%.*s", (int)(space - argument), argument) < 0 ||
	    !str_is_path(line->path) || sscanf(space, " %u:%u %39[0-9a-f-]%c", &major, &minor, line->boot, &end) != 3)
		return -EINVAL;
	line->number = makedev(major, minor);
	return 0;
}

static int collect_line(void *context, const char *kind, const char *argument)
{
	struct search *search = context;
	size_t length = strlen(argument);
	char *grown;

	if (strcmp(kind, "block") != 0 || argument[0] != '/')
		return 0;
	grown = realloc(search->leases, search->used + length + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + search->used, argument, length + 1);
	search->leases = grown;
	search->used += length + 1;
	return 0;
}

static int collect_record(void *context, const struct record *record)
{
	return journal_replay(record->dirfd, collect_line, context);
}

/* All leases of all nodes on this host. */
static int collect(struct search *search)
{
	return record_each(NULL, collect_record, search);
}

/* By its path whatever the boot: what is not swept yet may be another name of it. */
static bool is_leased(const struct search *search, const char *path, dev_t number)
{
	struct line line;

	for (const char *at = search->leases; at && at < search->leases + search->used; at += strlen(at) + 1)
		if (line_parse(at, &line) == 0 &&
		    (strcmp(line.path, path) == 0 || (line.number == number && strcmp(line.boot, search->boot) == 0)))
			return true;
	return false;
}

/* Whether the device is one for the job; then it is claimed. */
static bool is_fit(struct search *search, const char *path, struct device *device)
{
	char why[DEVICE_WHY_MAX] = "";
	struct device found;
	bool fits = false;

	if (is_leased(search, path, 0)) {
		search->leased++;
		return false;
	}
	if (device_claim(&found, path, why) < 0)
		goto out;
	search->largest = found.bytes > search->largest ? found.bytes : search->largest;
	if (is_leased(search, path, found.number))
		search->leased++;
	else if (found.bytes < search->bytes)
		search->small++;
	else
		fits = !device_is_held(&found, why);
	if (fits)
		*device = found;
	else
		device_close(&found);
out:
	if (why[0] && !search->refused[0])
		(void)str_print(search->refused, sizeof(search->refused), "%s: %s", path, why);
	if (why[0])
		log_error("block device %s: %s", path, why);
	return fits;
}

static int none_is_fit(const struct search *search, struct failure *why)
{
	const char *node = search->request->record->id.node;

	if (search->leased == 0 && !search->refused[0])
		return failure_set(why, search->request->size ? EXIT_USAGE : EXIT_NODE,
		                   "node %s: the machine's disk needs %llu MiB, and the largest of its block devices "
		                   "has %llu MiB",
		                   node, (unsigned long long)size_mib_up(search->bytes),
		                   (unsigned long long)(search->largest / MIB));
	return failure_set(why, EXIT_NODE, "node %s: no block device is free: jobs have %u%s%s%s", node, search->leased,
	                   search->small ? ", others are too small" : "", search->refused[0] ? "; " : "",
	                   search->refused);
}

static int note(const struct search *search, const char *path, const struct device *device, struct failure *why)
{
	char argument[ARGUMENT_MAX];
	int rc = str_print(argument, sizeof(argument), "%s %u:%u %s", path, major(device->number),
	                   minor(device->number), search->boot);

	if (rc == 0)
		rc = journal_append(search->request->record->dirfd, "block", argument);
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot note the disk in the journal: %s", strerror(-rc)) : 0;
}

/* Under the lock. */
static int choose(struct search *search, struct device *device, struct failure *why)
{
	const char *devices = search->request->config->disk.devices;
	char path[PATH_MAX];
	bool fits = false;
	int rc = record_boot_id(search->boot);

	if (rc == 0)
		rc = collect(search);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the leases of block devices cannot be read: %s", strerror(-rc));
	for (const char *at = devices[0] ? devices : NULL; !fits && at;) {
		at = list_next(at, path, sizeof(path));
		fits = is_fit(search, path, device);
	}
	return fits ? note(search, path, device, why) : none_is_fit(search, why);
}

int pool_lease(const struct disk_request *request, uint64_t bytes, struct device *device, struct failure *why)
{
	struct search search = {.request = request, .bytes = bytes};
	int lock = fs_open_lock(WNODES_STATEDIR, LOCK, LOCK_MS);
	int rc;

	*device = (struct device){.claim = -1};
	if (lock < 0)
		return failure_set(why, EXIT_NODE, "the leases of block devices cannot be locked: %s", strerror(-lock));
	rc = choose(&search, device, why);
	if (rc < 0)
		device_close(device);
	close(lock);
	free(search.leases);
	return rc;
}

/* One device, of whose number seen is a list. */
static void check_one(const char *path, dev_t *seen, size_t *count, pool_report *report, void *context)
{
	char why[DEVICE_WHY_MAX] = "";
	struct device device;

	if (device_claim(&device, path, why) < 0) {
		report(context, path, why);
		return;
	}
	for (size_t i = 0; i < *count; i++)
		if (seen[i] == device.number)
			report(context, path, "it is another name of a device that the list has already");
	if (*count < DEVICES_MAX)
		seen[(*count)++] = device.number;
	if (device_is_held(&device, why))
		report(context, path, why);
	device_close(&device);
}

int pool_check(const struct config *config, pool_report *report, void *context)
{
	struct search search = {0};
	const char *devices = config->disk.devices;
	char path[PATH_MAX];
	dev_t seen[DEVICES_MAX];
	size_t count = 0;
	int lock = fs_open_lock(WNODES_STATEDIR, LOCK, LOCK_MS);
	int rc = lock < 0 ? lock : collect(&search);

	for (const char *at = rc == 0 && devices[0] ? devices : NULL; at;) {
		at = list_next(at, path, sizeof(path));
		if (!is_leased(&search, path, 0))
			check_one(path, seen, &count, report, context);
	}
	if (lock >= 0)
		close(lock);
	free(search.leases);
	return rc;
}

/* Both ends, where the signatures of partitions, LVM, md and file systems are. */
static int wipe_ends(const struct device *device)
{
	uint64_t end = device->bytes / MIB * MIB;
	int node = device_node(device->number, 0, 0);
	char path[32];
	int rc = 0, fd;

	if (node < 0)
		return node;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		rc = -errno;
	if (rc == 0)
		rc = device_zero(fd, 0, device->bytes < MIB ? device->bytes : MIB);
	if (rc == 0 && end >= 2 * MIB)
		rc = device_zero(fd, end - MIB, device->bytes - end + MIB);
	if (fd >= 0)
		close(fd);
	close(node);
	return rc;
}

int pool_release(const char *argument)
{
	char boot[40], why[DEVICE_WHY_MAX] = "";
	struct device device;
	struct line line;
	int rc = line_parse(argument, &line);

	if (rc < 0)
		return rc;
	/* the numbers, and the path perhaps, were another device's */
	if (record_boot_id(boot) < 0 || strcmp(boot, line.boot) != 0)
		return 0;
	rc = device_claim(&device, line.path, why);
	if (rc == 0 && device.number == line.number)
		rc = wipe_ends(&device);
	device_close(&device);
	/* whoever gets it next looks at it again, and clears it whole */
	if (rc < 0)
		log_error("block device %s is given back as it is: %s", line.path, why[0] ? why : strerror(-rc));
	return 0;
}
