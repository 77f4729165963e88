/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/choose.h"
#include "helper/config.h"
#include "helper/device/device.h"
#include "helper/disk/disk.h"
#include "helper/fs.h"
#include "helper/harden.h"
#include "helper/image/cache.h"
#include "helper/image/catalogue.h"
#include "helper/machine.h"
#include "helper/network/networks.h"
#include "helper/placement.h"
#include "helper/seed.h"
#include "helper/state.h"

#define USE_TRIES 5
#define DISK_SECONDS 120U /* where its making has said nothing */

/* libvirt's cache of capabilities, which all the node's machines share. */
static int launch_cache(struct failure *why)
{
	int state = fs_open_folder(WNODES_STATEDIR, 0711);
	int cache = state < 0 ? state : fs_open_child(state, "cache", true, 0700);
	int libvirt = cache < 0 ? cache : fs_open_child(cache, "libvirt", true, 0700);

	if (state >= 0)
		close(state);
	if (cache >= 0)
		close(cache);
	if (libvirt >= 0)
		close(libvirt);
	return libvirt < 0 ? failure_set(why, EXIT_NODE, WNODES_STATEDIR "/cache: %s", strerror(-libvirt)) : 0;
}

/* A waiting job, and how it says so. */
struct waiting {
	const struct record *record;
	const struct config *config;
	const struct image *image;
};

static int launch_say_progress(void *context, const struct cache_progress *progress)
{
	const struct waiting *waiting = context;
	char message[256];

	cache_progress_text(progress, waiting->image->name, message, sizeof(message));
	(void)state_progress(waiting->record, "fetching", message, waiting->config->fetch_timeout);
	return record_is_cancelled(waiting->record) ? -ECANCELED : 0;
}

/* The image's link into the cache, once the image is there; its time is no part of the boot's. */
static int launch_wait_for_image(struct record *record, const struct config *config, struct image *image,
                                 struct failure *why)
{
	struct waiting waiting = {.record = record, .config = config, .image = image};
	uint64_t since = clock_wall();
	int rc = cache_use(config, image, record, image->source, why);

	(void)kv_get_u64(&record->kv, "t.prepared", 1, UINT64_MAX, &since);
	/* what was there may be taken away before it is used, or have changed */
	for (int tries = 0; rc == -ENOENT && tries < USE_TRIES; tries++) {
		rc = cache_fetch(config, image, since, launch_say_progress, &waiting, why);
		if (rc == 0)
			rc = cache_use(config, image, record, image->source, why);
	}
	if (rc == -ENOENT)
		rc = failure_set(why, EXIT_NODE, "image %s: it goes from the cache as often as it comes", image->entry);
	return rc;
}

/* The disk that the record has; NULL where it is broken. */
static const struct disk_ops *launch_disk(const struct kv *record, struct disk_request *request)
{
	const char *mode = kv_get(record, "disk.mode");
	int rc = kv_get_u64(record, "disk.size", 1, UINT64_MAX, &request->size);

	request->prealloc = kv_get(record, "disk.prealloc");
	return mode && request->prealloc && (rc == 0 || rc == -ENOENT) ? disk_find(mode) : NULL;
}

/*
 * Who waits for the machine is told how long it may take. QEMU touches all
 * memory of one with a VFIO device, or whose memory is taken beforehand, before
 * it answers: a second more for each GiB, as the monitor has it.
 */
static void launch_say_timeout(const struct record *record, const struct kv *machine)
{
	uint64_t mib = 0, seconds = DISK_SECONDS;
	struct kv state = {0};

	if ((!kv_get(machine, "vfio") && !kv_get(machine, "memory_prealloc")) ||
	    kv_get_u64(&record->kv, "memory_mib", 0, UINT64_C(1) << 40, &mib) < 0)
		return;
	if (state_load(&record->id, &state) == 0)
		(void)kv_get_u64(&state, "timeout", 1, UINT32_MAX, &seconds);
	kv_free(&state);
	(void)state_progress(record, "disk", NULL, seconds + (mib >> 10));
}

static int launch_make(struct record *record, struct kv *machine, struct failure *why)
{
	static struct config config;
	static struct image image;
	struct disk_request request = {.config = &config, .image = &image, .record = record};
	const struct disk_ops *disk = launch_disk(&record->kv, &request);
	int rc = config_load(&config, why);

	if (rc == 0)
		rc = choose_again(&config, &record->kv, &image, why);
	if (rc == 0 && !image.own)
		rc = image_check_files(&image, why);
	if (rc == 0 && image_is_cached(&image))
		rc = launch_wait_for_image(record, &config, &image, why);
	if (rc == 0)
		rc = placement_check(record, &config, why);
	if (rc == 0)
		rc = launch_cache(why);
	if (rc < 0)
		return rc;
	(void)state_set(record, "disk", NULL);
	if (!disk || record_owner(record, &request.uid, &request.gid) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	rc = disk->make(&request, machine, why);
	if (rc == 0)
		(void)state_progress(record, "disk", NULL, 0);
	if (rc == 0)
		rc = machine_describe(record, &config, &image, machine, why);
	if (rc == 0)
		rc = placement_describe(record, &config, machine, why);
	if (rc == 0)
		rc = networks_make(&config, record, machine, why);
	if (rc == 0)
		rc = devices_make(&config, record, machine, why);
	if (rc == 0)
		launch_say_timeout(record, machine);
	return rc == 0 ? seed_make(&request, machine, why) : rc;
}

/* Standard streams that nobody waits on, and a session of its own: no terminal reaches us. */
static void launch_detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
}

/* Become the monitor; returns only on a failure. */
static int launch_monitor(const struct record *record, const char *machine, struct failure *why)
{
	char lock[16];
	char *const argv[] = {"wnodes-monitor", "--machine", (char *)machine, "--lock-fd", lock, NULL};
	char *const envp[] = {NULL};

	(void)snprintf(lock, sizeof(lock), "%d", record->lock);
	if (fcntl(record->lock, F_SETFD, 0) < 0)
		return failure_set(why, EXIT_NODE, "fcntl: %s", strerror(errno));
	harden_reset_signals();
	(void)umask(022);
	(void)execve(WNODES_MONITOR, argv, envp);
	return failure_set(why, EXIT_NODE, "cannot execute " WNODES_MONITOR ": %s", strerror(errno));
}

static int launch_all(struct record *record, struct failure *why)
{
	char path[PATH_MAX];
	struct kv machine = {0};
	int rc = launch_make(record, &machine, why);

	if (rc == 0)
		rc = machine_record_path(&record->id, "machine", path);
	if (rc == 0)
		rc = kv_save(&machine, record->dirfd, "machine", 0600, 0);
	kv_free(&machine);
	if (rc < 0)
		return why->code ? rc
		                 : failure_set(why, EXIT_NODE, "cannot write the machine's description: %s",
		                               strerror(-rc));
	if (record_is_cancelled(record))
		return -ECANCELED;
	(void)state_mark(record, "monitor");
	return launch_monitor(record, path, why);
}

_Noreturn void launch(struct record *record)
{
	struct failure why = {0};

	launch_detach();
	log_open("wnodes-helper", true);
	if (record_is_cancelled(record))
		_exit(0);
	(void)state_name_process(record);
	if (launch_all(record, &why) == -ECANCELED)
		_exit(0);
	log_error("job %" PRIu32 ": %s", record->id.job, why.message);
	(void)record_set_phase(record, "failed", &why);
	(void)state_set(record, "failed", &why);
	_exit(why.code);
}
