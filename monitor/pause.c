/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pause.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/driver.h"
#include "monitor/packet.h"
#include "monitor/watch.h"

#define PAUSE_LOOK_MS 1000

bool pause_is_frozen(int fd)
{
	char text[16];

	/* FROZEN, FREEZING and THAWED of v1, 1 and 0 of v2 */
	return pread(fd, text, sizeof(text), 0) > 0 && (text[0] == 'F' || text[0] == '1');
}

void pause_open(struct owner *owner)
{
	const char *path = owner->machine->freezer;

	if (!path)
		return;
	owner->freezer = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (owner->freezer < 0)
		(void)packet_send(owner->reaper, "log %s: %s: the machine is not paused when its job is suspended",
		                  path, strerror(errno));
}

static void pause_set(struct owner *owner, bool paused)
{
	int rc = paused ? virDomainSuspend(owner->domain) : virDomainResume(owner->domain);

	if (rc < 0) {
		if (!owner->pause_failed)
			(void)packet_send(owner->reaper, "log the machine cannot be %s: %s",
			                  paused ? "paused" : "resumed", driver_error());
		owner->pause_failed = true;
		return;
	}
	owner->pause_failed = false;
	owner->paused = paused;
	watch_hold_boot(owner, paused);
	(void)packet_send(owner->reaper, "pause %s", paused ? "on" : "off");
	if (owner->relay >= 0)
		(void)packet_send(owner->relay, "pause %s", paused ? "on" : "off");
}

static void pause_look(int timer, void *opaque)
{
	struct owner *owner = opaque;
	bool frozen;

	(void)timer;
	if (owner->ended)
		return;
	frozen = pause_is_frozen(owner->freezer);
	if (frozen != owner->paused)
		pause_set(owner, frozen);
}

int pause_watch(struct owner *owner)
{
	if (owner->freezer < 0)
		return 0;
	return virEventAddTimeout(PAUSE_LOOK_MS, pause_look, owner, NULL) < 0 ? -EIO : 0;
}
