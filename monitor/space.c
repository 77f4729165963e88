/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "common/exitcode.h"
#include "common/size.h"
#include "monitor/driver.h"
#include "monitor/namespace.h"
#include "monitor/packet.h"
#include "monitor/watch.h"

#define SPACE_LOOK_MS 500
#define SPACE_PATIENCE_MS 60000U
/* A machine that is stopped again so soon has not had what it waited for: a quota, say. */
#define SPACE_AGAIN_MS 10000
#define SPACE_ENOUGH (UINT64_C(64) << 20)

void space_open(struct owner *owner)
{
	char path[PATH_MAX];

	owner->disk = open(namespace_path(path, NAMESPACE_DISK), O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Returns whether it could be found out. */
static bool space_measure(const struct owner *owner, struct space *space)
{
	struct statvfs fs;
	struct stat st;

	if (owner->disk < 0 || fstatvfs(owner->disk, &fs) < 0 || fstat(owner->disk, &st) < 0)
		return false;
	space->total = (uint64_t)fs.f_blocks * fs.f_frsize;
	space->available = (uint64_t)fs.f_bavail * fs.f_frsize;
	space->own = (uint64_t)st.st_blocks * 512;
	return true;
}

unsigned int space_patience(const struct space *space, unsigned int chance)
{
	uint64_t used = space->total > space->available ? space->total - space->available : 0;
	double share = used > space->own ? (double)space->own / (double)used : 1;
	double gibibytes = (double)space->own / (double)GIB;

	return (unsigned int)(SPACE_PATIENCE_MS * (1 - share) / (1 + gibibytes) * (0.5 + (double)chance / 2000));
}

bool space_is_enough(const struct space *space)
{
	return space->available >= (space->total / 8 < SPACE_ENOUGH ? space->total / 8 : SPACE_ENOUGH);
}

static struct timespec now(void)
{
	struct timespec time = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

static int64_t now_ms(void)
{
	struct timespec time = now();

	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void space_end(struct owner *owner)
{
	owner_end(owner, EXIT_NODE, "the node has no space left for the machine's disk");
	watch_finish(owner);
}

static void space_stop_looking(struct owner *owner)
{
	(void)virEventRemoveTimeout(owner->space_timer);
	owner->space_timer = -1;
}

static void space_tell(struct owner *owner, bool paused)
{
	watch_hold_boot(owner, paused);
	(void)packet_send(owner->reaper, "pause %s", paused ? "on" : "off");
	if (owner->relay >= 0)
		(void)packet_send(owner->relay, "pause %s", paused ? "on" : "off");
}

static void space_resume(struct owner *owner)
{
	space_stop_looking(owner);
	if (virDomainResume(owner->domain) < 0) {
		(void)packet_send(owner->reaper, "log the machine cannot be resumed: %s", driver_error());
		space_end(owner);
		return;
	}
	owner->space_resumed = now_ms();
	space_tell(owner, false);
}

static void space_look(int timer, void *opaque)
{
	struct owner *owner = opaque;
	struct space space;

	(void)timer;
	/* a suspended job's machine tries again when it is resumed (pause.h) */
	if (owner->ended || owner->paused)
		space_stop_looking(owner);
	else if (space_measure(owner, &space) && space_is_enough(&space))
		space_resume(owner);
	else if (now_ms() >= owner->space_by)
		space_end(owner);
}

/* Sets the time by which there must be space; returns the milliseconds until then. */
static int64_t space_limit(struct owner *owner)
{
	int64_t at = now_ms();
	unsigned int patience = 0;
	struct space space;

	if (owner->space_resumed && at - owner->space_resumed < SPACE_AGAIN_MS)
		return owner->space_by - at;
	if (space_measure(owner, &space))
		patience = space_patience(&space, (unsigned int)(now().tv_nsec / 1000 % 1000));
	owner->space_by = at + patience;
	return patience;
}

void space_wait(struct owner *owner)
{
	int64_t left;

	if (owner->ended || owner->space_timer >= 0)
		return;
	left = space_limit(owner);
	if (left >= SPACE_LOOK_MS)
		owner->space_timer = virEventAddTimeout(SPACE_LOOK_MS, space_look, owner, NULL);
	if (owner->space_timer < 0) {
		space_end(owner);
		return;
	}
	(void)packet_send(owner->reaper,
	                  "log the node has no space left for the machine's disk: it waits %lld s at most for some",
	                  (long long)(left + 999) / 1000);
	space_tell(owner, true);
}
