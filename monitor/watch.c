/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/watch.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "monitor/packet.h"
#include "monitor/pause.h"
#include "monitor/space.h"
#include "monitor/vfio.h"

#define WATCH_PCI_DEVICES "/sys/bus/pci/devices"

/* From the console's "Kernel panic" to the end: what follows it on the console names the culprit. */
#define WATCH_PANIC_MS 500

static const char guest_panicked[] = "the guest's kernel panicked";
static const char guest_off[] = "the guest powered itself off";
static const char guest_rebooted[] = "the guest rebooted itself; a job's machine starts only once";
static const char disk_failed[] = "the node cannot read or write the machine's disk: an I/O error";

struct verdict watch_lifecycle(int event, int detail)
{
	const struct verdict nothing = {0, NULL};
	const struct verdict off = {EXIT_MACHINE, guest_off};
	const struct verdict panicked = {EXIT_MACHINE, guest_panicked};
	const struct verdict died = {EXIT_MACHINE, NULL};

	switch (event) {
	case VIR_DOMAIN_EVENT_SHUTDOWN:
		return detail == VIR_DOMAIN_EVENT_SHUTDOWN_HOST ? died : off;
	case VIR_DOMAIN_EVENT_CRASHED:
		return detail == VIR_DOMAIN_EVENT_CRASHED_PANICKED ? panicked : died;
	case VIR_DOMAIN_EVENT_STOPPED:
		return detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ? off : died;
	default:
		return nothing;
	}
}

const char *watch_death(const struct owner *owner)
{
	if (counters_rose(owner->counters))
		return "QEMU was killed: the job's memory limit was reached (memory_reserve in wnodes.conf is what "
		       "QEMU "
		       "has beyond the VM's memory)";
	return "QEMU died";
}

static void watch_end_timer(int timer, void *opaque)
{
	(void)timer;
	(void)opaque;
	_exit(0);
}

void watch_finish(struct owner *owner)
{
	if (owner->relay < 0)
		_exit(0);
	if (owner->end_timer < 0)
		owner->end_timer = virEventAddTimeout((int)OWNER_RELAY_SECONDS * 1000, watch_end_timer, NULL, NULL);
	if (owner->end_timer < 0)
		_exit(0);
}

static int watch_on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
	struct owner *owner = opaque;
	struct verdict verdict = watch_lifecycle(event, detail);

	(void)connection;
	(void)domain;
	if (!verdict.code || !owner->running || owner->ended)
		return 0;
	owner_end(owner, verdict.code, "%s", verdict.message ? verdict.message : watch_death(owner));
	watch_finish(owner);
	return 0;
}

/* QEMU has stopped the machine in the middle of the request, which it repeats when the machine goes on. */
static void watch_on_io_error(virConnectPtr connection, virDomainPtr domain, const char *path, const char *device,
                              int action, const char *reason, void *opaque)
{
	struct owner *owner = opaque;

	(void)connection;
	(void)domain;
	(void)path;
	(void)device;
	if (action != VIR_DOMAIN_EVENT_IO_ERROR_PAUSE || !owner->running || owner->ended)
		return;
	if (strcmp(reason, "enospc") == 0) {
		space_wait(owner);
		return;
	}
	owner_end(owner, EXIT_NODE, "%s", disk_failed);
	watch_finish(owner);
}

/* QEMU has given it back: because the host's kernel asked for it, or because the guest does without it. */
static void watch_on_removed(virConnectPtr connection, virDomainPtr domain, const char *alias, void *opaque)
{
	struct owner *owner = opaque;
	const char *network = NULL;
	const char *pci = vfio_device(owner->machine, alias, &network);

	(void)connection;
	(void)domain;
	if (!pci || !owner->running || owner->ended || vfio_is_bound(WATCH_PCI_DEVICES, pci))
		return;
	owner_end(owner, EXIT_NODE, "the node took PCI device %s%s%s away from the running machine", pci,
	          network ? ", the VF of network " : "", network ? network : "");
	watch_finish(owner);
}

static void watch_on_reboot(virConnectPtr connection, virDomainPtr domain, void *opaque)
{
	struct owner *owner = opaque;

	(void)connection;
	(void)domain;
	if (!owner->running || owner->ended)
		return;
	owner_end(owner, EXIT_MACHINE, "%s", guest_rebooted);
	watch_finish(owner);
}

int watch_domain(struct owner *owner, virConnectPtr connection)
{
	if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
	                                     VIR_DOMAIN_EVENT_CALLBACK(watch_on_lifecycle), owner, NULL) < 0)
		return -EIO;
	if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
	                                     VIR_DOMAIN_EVENT_CALLBACK(watch_on_reboot), owner, NULL) < 0)
		return -EIO;
	if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
	                                     VIR_DOMAIN_EVENT_CALLBACK(watch_on_removed), owner, NULL) < 0)
		return -EIO;
	if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
	                                     VIR_DOMAIN_EVENT_CALLBACK(watch_on_io_error), owner, NULL) < 0)
		return -EIO;
	return 0;
}

static void watch_on_boot_timer(int timer, void *opaque)
{
	struct owner *owner = opaque;

	(void)virEventRemoveTimeout(timer);
	owner->boot_timer = -1;
	if (owner->ended)
		return;
	owner_end(owner, EXIT_NODE,
	          "%s did not become ready within %u s (boot timeout); --vm-boot-timeout=SECONDS gives it more",
	          owner->machine->image, owner->machine->boot_timeout);
	watch_finish(owner);
}

static int64_t now_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The guest has so many ms to become ready. */
static int watch_boot(struct owner *owner, int64_t ms)
{
	owner->boot_by = now_ms() + ms;
	owner->boot_timer = virEventAddTimeout((int)ms, watch_on_boot_timer, owner, NULL);
	return owner->boot_timer < 0 ? -EIO : 0;
}

void watch_hold_boot(struct owner *owner, bool hold)
{
	if (owner->ready)
		return;
	if (hold && owner->boot_timer >= 0) {
		(void)virEventRemoveTimeout(owner->boot_timer);
		owner->boot_timer = -1;
		owner->boot_by -= now_ms();
	} else if (!hold && owner->boot_timer < 0) {
		(void)watch_boot(owner, owner->boot_by > 0 ? owner->boot_by : 0);
	}
}

static void watch_on_panic_timer(int timer, void *opaque)
{
	struct owner *owner = opaque;

	(void)virEventRemoveTimeout(timer);
	owner->panic_timer = -1;
	if (owner->ended)
		return;
	owner_end(owner, EXIT_MACHINE, "%s", guest_panicked);
	watch_finish(owner);
}

static void watch_ready(struct owner *owner)
{
	if (owner->ready)
		return;
	owner->ready = true;
	if (owner->boot_timer >= 0)
		(void)virEventRemoveTimeout(owner->boot_timer);
	owner->boot_timer = -1;
	(void)packet_send(owner->reaper, "state ready");
}

static void watch_packet(struct owner *owner, const struct packet *packet)
{
	switch (packet->kind) {
	case PACKET_HELLO:
		(void)packet_send(owner->reaper, "time hello");
		return;
	case PACKET_READY:
		watch_ready(owner);
		return;
	case PACKET_PANIC:
		if (owner->panic_timer < 0)
			owner->panic_timer = virEventAddTimeout(WATCH_PANIC_MS, watch_on_panic_timer, owner, NULL);
		return;
	case PACKET_BROKEN:
		owner_end(owner, EXIT_MACHINE, "the guest broke the protocol: %s", packet->text);
		break;
	case PACKET_SILENT:
		owner_end(owner, EXIT_MACHINE, "the guest's agent does not answer any more");
		break;
	case PACKET_RESTARTED:
		owner_end(owner, EXIT_MACHINE, "the guest's agent restarted");
		break;
	case PACKET_UNFIT:
		owner_end(owner, packet->code, "image %s: %s", owner->machine->image, packet->text);
		break;
	case PACKET_CONSOLE:
		owner_end(owner, EXIT_USAGE, "%s", packet->text);
		break;
	default:
		return;
	}
	watch_finish(owner);
}

/* The relay is gone, or says what no relay says. */
static void watch_relay_lost(struct owner *owner, int watch, const char *message)
{
	(void)virEventRemoveHandle(watch);
	close(owner->relay);
	owner->relay = -1;
	if (owner->ended)
		_exit(0);
	owner_end(owner, EXIT_MACHINE, "%s", message);
	watch_finish(owner);
}

static void watch_on_relay(int watch, int fd, int events, void *opaque)
{
	struct owner *owner = opaque;
	struct packet packet;
	int rc;

	(void)events;
	rc = packet_receive(fd, &packet, FROM_RELAY);
	if (rc == -EAGAIN)
		return;
	if (rc == -EPROTO)
		watch_relay_lost(owner, watch, "the machine's relay broke its protocol");
	else if (rc <= 0)
		watch_relay_lost(owner, watch, "the machine's relay died");
	else if (!owner->ended)
		watch_packet(owner, &packet);
}

/* The reaper never speaks: its socket is readable when it is gone. */
static void watch_on_reaper(int watch, int fd, int events, void *opaque)
{
	(void)watch;
	(void)fd;
	(void)events;
	(void)opaque;
	_exit(1);
}

int watch_run(struct owner *owner)
{
	const int events = VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_ERROR | VIR_EVENT_HANDLE_HANGUP;

	if (watch_boot(owner, (int64_t)owner->machine->boot_timeout * 1000) < 0 || pause_watch(owner) < 0 ||
	    virEventAddHandle(owner->relay, events, watch_on_relay, owner, NULL) < 0 ||
	    virEventAddHandle(owner->reaper, events, watch_on_reaper, owner, NULL) < 0)
		return -EIO;
	for (;;)
		if (virEventRunDefaultImpl() < 0)
			return -EIO;
}
