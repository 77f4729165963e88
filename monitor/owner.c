/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "common/wire.h"
#include "monitor/capabilities.h"
#include "monitor/disk.h"
#include "monitor/driver.h"
#include "monitor/emulator.h"
#include "monitor/filter.h"
#include "monitor/guest_network.h"
#include "monitor/namespace.h"
#include "monitor/packet.h"
#include "monitor/passt.h"
#include "monitor/pause.h"
#include "monitor/privilege.h"
#include "monitor/relay.h"
#include "monitor/space.h"
#include "monitor/vfio.h"
#include "monitor/virtiofs.h"
#include "monitor/watch.h"

#define OWNER_LOG_BYTES 4096
#define OWNER_LOG_LINES 12U

/* libvirt writes QEMU's command line to the log, an option per line; only what QEMU says matters here. */
static bool is_command_line(const char *line)
{
	size_t length = strlen(line);

	return (length > 0 && line[length - 1] == '\\') || line[0] == '-';
}

/* The last lines of text, one packet each. */
static void log_lines(struct owner *owner, char *text)
{
	char *lines[OWNER_LOG_LINES];
	unsigned int count = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!is_command_line(line))
			lines[count++ % OWNER_LOG_LINES] = line;
	for (unsigned int i = count > OWNER_LOG_LINES ? count - OWNER_LOG_LINES : 0; i < count; i++)
		(void)packet_send(owner->reaper, "log qemu: %s", lines[i % OWNER_LOG_LINES]);
}

static void log_tail(struct owner *owner)
{
	char text[OWNER_LOG_BYTES + 1];
	off_t size = owner->log < 0 ? 0 : lseek(owner->log, 0, SEEK_END);
	off_t start = size - OWNER_LOG_BYTES > owner->log_start ? size - OWNER_LOG_BYTES : owner->log_start;
	ssize_t length;

	if (size <= start)
		return;
	length = pread(owner->log, text, OWNER_LOG_BYTES, start);
	if (length <= 0)
		return;
	text[length] = 0;
	log_lines(owner, text);
}

void owner_end(struct owner *owner, int code, const char *format, ...)
{
	char message[512];
	va_list arguments;

	if (owner->ended)
		return;
	owner->ended = true;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	(void)packet_send(owner->reaper, "end %d %s", code, message);
	if (owner->relay >= 0)
		(void)packet_send(owner->relay, "end %d %s", code, message);
	log_tail(owner);
}

/* Outside of the event loop: give the relay its time, then end. */
static _Noreturn void owner_exit(struct owner *owner)
{
	struct pollfd poll_relay = {owner->relay, POLLIN, 0};
	struct timespec start, now;
	struct packet packet;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	now = start;
	while (owner->relay >= 0 && now.tv_sec - start.tv_sec < OWNER_RELAY_SECONDS) {
		int rc = poll(&poll_relay, 1, 1000) > 0 ? packet_receive(owner->relay, &packet, FROM_RELAY) : -EAGAIN;

		if (rc != 1 && rc != -EAGAIN && rc != -EPROTO)
			break;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	}
	_exit(0);
}

static _Noreturn void owner_fail(struct owner *owner, const char *what, const char *problem)
{
	owner_end(owner, EXIT_NODE, "%s: %s", what, problem);
	owner_exit(owner);
}

/* QEMU's log, which only root can open. */
static void owner_open_log(struct owner *owner)
{
	char part[128], path[PATH_MAX];

	if (owner->log < 0 && str_print(part, sizeof(part), "log/qemu/%s.log", owner->machine->name) == 0)
		owner->log = open(namespace_path(path, part), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Libvirt failed at what; QEMU's log may say more. */
static _Noreturn void owner_fail_driver(struct owner *owner, const char *what)
{
	char problem[512];

	(void)str_print(problem, sizeof(problem), "%s", driver_error());
	owner_open_log(owner);
	servers_log(owner);
	if (counters_rose(owner->counters))
		owner_end(owner, EXIT_MACHINE, "%s", watch_death(owner));
	owner_fail(owner, what, problem);
}

/* A process of its own kind: dies with the reaper, and nothing of the reaper's signals or logging. */
static void owner_begin(struct owner *owner)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != owner->parent)
		_exit(1);
	(void)sigemptyset(&none);
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	log_open("wnodes-monitor", false);
	closelog();
	if (driver_environment() < 0)
		_exit(1);
}

/* Returns whether program is to be run as it is: a script has to be read. */
static bool owner_copy(struct owner *owner, const char *program, const char *name)
{
	int rc = emulator_prepare(owner->machine, program, name);

	if (rc == -ENOEXEC)
		(void)packet_send(owner->reaper, "log %s is no ELF program: the user's processes can look into it",
		                  program);
	else if (rc < 0)
		owner_fail(owner, "the emulator or virtiofsd cannot be copied", strerror(-rc));
	return rc < 0;
}

static void owner_cover(struct owner *owner, const char *program, const char *name)
{
	int rc = emulator_cover(owner->machine, program, name);

	if (rc < 0)
		owner_fail(owner, "the copy of the emulator or virtiofsd cannot be mounted", strerror(-rc));
}

/* As the host has them, and before the namespace is closed. */
static void owner_find_shares(struct owner *owner)
{
	char why[SHARES_WHY_MAX];
	int code = shares_find(&owner->shares, owner->machine, why);

	if (code == 0)
		code = shares_find_base(&owner->shares, owner->machine, why);

	if (code == 0)
		return;
	owner_end(owner, code, "%s", why);
	owner_exit(owner);
}

/* From here on only this namespace has the file: it goes with QEMU, whatever happens. */
static void owner_unlink_disk(struct owner *owner, int folder)
{
	int rc = folder < 0 ? folder : disk_unlink(owner->machine, folder);

	if (rc < 0)
		owner_fail(owner, "the name of the machine's disk cannot be removed", strerror(-rc));
}

/* What must come before libvirt's threads: relay, namespace, capabilities. */
static void owner_prepare(struct owner *owner, struct capabilities *capabilities)
{
	const struct machine *machine = owner->machine;
	char why[NAMESPACE_WHY_MAX];
	const char *step = "";
	bool readable, readable_virtiofsd;
	int rc = relay_spawn(machine, &owner->relay, &step);
	int folder;

	if (rc < 0)
		owner_fail(owner, step, strerror(-rc));
	rc = filter_load();
	if (rc < 0)
		owner_fail(owner, "the filter of system calls", strerror(-rc));
	rc = capabilities_open(capabilities, machine);
	if (rc < 0)
		(void)packet_send(owner->reaper, "log libvirt's capability cache %s: %s", machine->cache_dir,
		                  strerror(-rc));
	pause_open(owner);
	readable = owner_copy(owner, machine->emulator, EMULATOR_FOLDER);
	readable_virtiofsd = !machine->virtiofsd || owner_copy(owner, machine->virtiofsd, VIRTIOFS_FOLDER);
	if (passt_open(owner, why) < 0)
		owner_fail(owner, "the network", why);
	folder = disk_open_folder(machine);
	if (namespace_unshare(why) < 0)
		owner_fail(owner, "the machine's mount namespace", why);
	owner_find_shares(owner);
	if (namespace_enter(machine, why) < 0 || namespace_files(machine, owner->shares.base, why) < 0 ||
	    shares_bind(&owner->shares, &machine->mounts, why) < 0)
		owner_fail(owner, "the machine's mount namespace", why);
	space_open(owner);
	if (machine->disk_unnamed)
		owner_unlink_disk(owner, folder);
	if (!readable)
		owner_cover(owner, machine->emulator, EMULATOR_FOLDER);
	if (!readable_virtiofsd)
		owner_cover(owner, machine->virtiofsd, VIRTIOFS_FOLDER);
	if (virtiofs_start(owner, why) < 0)
		owner_fail(owner, "the host's directories", why);
	if (passt_start(owner, why) < 0)
		owner_fail(owner, "the network", why);
	rc = capabilities_prepare(capabilities, machine);
	if (rc < 0)
		(void)packet_send(owner->reaper, "log libvirt's capabilities are not cached: %s", strerror(-rc));
}

static virDomainPtr owner_create(struct owner *owner)
{
	virConnectPtr connection;
	virDomainPtr domain;

	if (virEventRegisterDefaultImpl() < 0)
		owner_fail_driver(owner, "libvirt's event loop");
	connection = driver_open(owner->machine);
	if (!connection || watch_domain(owner, connection) < 0)
		owner_fail_driver(owner, "libvirt cannot be opened");
	(void)packet_send(owner->reaper, "time libvirt");
	domain = driver_create(connection, owner->machine);
	if (!domain)
		owner_fail_driver(owner, "libvirt cannot create the machine");
	(void)packet_send(owner->reaper, "time created");
	return domain;
}

/* Connect to a socket of QEMU's, and remove it: it has one client. */
static int owner_connect(const char *part)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int rc = str_print(address.sun_path, sizeof(address.sun_path), "%s", namespace_path(path, part));
	int fd;

	if (rc < 0)
		return rc;
	/* non-blocking: the listener's queue is empty, so this succeeds at once or never */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || unlink(path) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* What the guest is to mount, of which the relay makes its JOB. */
static int owner_tell_mounts(struct owner *owner)
{
	const struct mounts *mounts = &owner->machine->mounts;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < mounts->count; i++)
		rc = packet_send(owner->relay, "mount %u %u %s", i,
		                 (mounts->entries[i].flags & MOUNTS_READ_ONLY ? WIRE_MOUNT_READ_ONLY : 0U) |
		                         (mounts->entries[i].flags & MOUNTS_OPTIONAL ? WIRE_MOUNT_OPTIONAL : 0U) |
		                         (owner->machine->virtiofsd ? WIRE_MOUNT_VIRTIOFS : 0U),
		                 mounts->entries[i].target);
	return rc;
}

static int owner_tell_networks(struct owner *owner)
{
	char packet[PACKET_MAX];
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < owner->machine->network_count; i++) {
		rc = guest_network_packet(&owner->machine->networks[i], packet, sizeof(packet));
		if (rc == 0)
			rc = packet_send(owner->relay, "%s", packet);
	}
	return rc;
}

static void owner_hand_over(struct owner *owner)
{
	int fds[2], rc;

	fds[0] = owner_connect(NAMESPACE_CHANNEL);
	if (fds[0] < 0)
		owner_fail(owner, "the guest's channel", strerror(-fds[0]));
	fds[1] = owner_connect(NAMESPACE_CONSOLE);
	if (fds[1] < 0)
		owner_fail(owner, "the guest's console", strerror(-fds[1]));
	rc = owner_tell_mounts(owner);
	if (rc == 0)
		rc = owner_tell_networks(owner);
	if (rc < 0)
		owner_fail(owner, "the relay", strerror(-rc));
	rc = packet_send_fds(owner->relay, "channel", fds, 2);
	if (rc < 0)
		owner_fail(owner, "the relay", strerror(-rc));
	close(fds[0]);
	close(fds[1]);
}

_Noreturn void owner_run(const struct machine *machine, const struct counters *counters, int reaper, pid_t parent)
{
	struct machine own = *machine;
	struct owner owner = {
	        .machine = &own,
	        .counters = counters,
	        .reaper = reaper,
	        .parent = parent,
	        .relay = -1,
	        .log = -1,
	        .freezer = -1,
	        .disk = -1,
	        .boot_timer = -1,
	        .end_timer = -1,
	        .panic_timer = -1,
	        .space_timer = -1,
	};
	struct capabilities capabilities;
	int rc;

	owner_begin(&owner);
	owner_prepare(&owner, &capabilities);
	owner.domain = owner_create(&owner);
	capabilities_close(&capabilities);
	servers_hide(&owner);
	disk_hide(&own);
	vfio_hide(&own);
	owner_hand_over(&owner);
	owner_open_log(&owner);
	owner.log_start = owner.log < 0 ? 0 : lseek(owner.log, 0, SEEK_END);
	rc = privilege_drop(machine, parent);
	if (rc < 0)
		owner_fail(&owner, "the monitor cannot give up root", strerror(-rc));
	owner.running = true;
	if (virDomainResume(owner.domain) < 0)
		owner_fail_driver(&owner, "libvirt cannot start the guest");
	(void)packet_send(reaper, "state booting");
	rc = servers_watch(&owner);
	if (rc == 0)
		rc = watch_run(&owner);
	owner_fail(&owner, "libvirt's event loop", strerror(-rc));
}
