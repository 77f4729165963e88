/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/network_dhcp.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/execute.h"
#include "guest/log.h"
#include "guest/small_file.h"

#define LOOK_SECONDS 2U
#define UNMANAGED_SECONDS 10U /* after the boot, in which managers of networks begin; or of a guest without systemd */
#define PATIENCE_SECONDS 600U /* a guest that has not booted by then */
#define SYSTEMCTL_SECONDS 10U
#define TEXT_MAX 4096U

/* Whether systemd-networkd has the NIC among those that it configures. */
static bool is_networkds(const struct network_files *files, unsigned int index)
{
	char path[PATH_MAX], text[TEXT_MAX], *state;

	if (str_print(path, sizeof(path), "%s/systemd/netif/links/%u", files->run, index) < 0 ||
	    small_file_read(path, text, sizeof(text)) <= 0)
		return false;
	state = strstr(text, "ADMIN_STATE=");
	return state && strncmp(state + 12, "unmanaged", 9) != 0 && strncmp(state + 12, "linger", 6) != 0;
}

/* Whether one of the process's arguments is the NIC's name; dhcpcd asks for all. */
static bool asks_for(const char *pid, const char *nic)
{
	char path[64], text[TEXT_MAX];
	ssize_t length;

	(void)str_print(path, sizeof(path), "/proc/%.10s/cmdline", pid);
	length = small_file_read(path, text, sizeof(text));
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(text + at) + 1)
		if (strcmp(text + at, nic) == 0)
			return true;
	return false;
}

/* Whether the process is one that manages the NIC. */
static bool manages(const char *pid, const char *nic)
{
	static const char *const managers[] = {"NetworkManager", "connmand", "wickedd-dhcp4", "dhcpcd"};
	static const char *const clients[] = {"dhclient", "udhcpc", "pump"};
	char path[64], name[64];

	(void)str_print(path, sizeof(path), "/proc/%.10s/stat", pid);
	if (small_file_read(path, name, sizeof(name)) <= 0 || !strchr(name, '('))
		return false;
	memmove(name, strchr(name, '(') + 1, strlen(strchr(name, '(')));
	name[strcspn(name, ")")] = 0;
	for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
		if (strcmp(name, managers[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		if (strcmp(name, clients[i]) == 0)
			return asks_for(pid, nic);
	return false;
}

static bool is_managed(const struct network_files *files, const struct rtnetlink_link *link)
{
	DIR *folder = is_networkds(files, link->index) ? NULL : opendir("/proc");
	struct dirent *entry;
	bool managed = !folder;

	while (!managed && (entry = readdir(folder)))
		managed = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && manages(entry->d_name, link->name);
	if (folder)
		closedir(folder);
	return managed;
}

static bool has_systemd(const struct network_files *files)
{
	char path[PATH_MAX];

	return str_print(path, sizeof(path), "%s/systemd/system", files->run) == 0 && access(path, F_OK) == 0;
}

/* Whether what systemd starts by itself has had its turn. */
static bool has_booted(const struct network_files *files)
{
	static const char *const argv[] = {"systemctl", "-q", "is-active", "default.target", NULL};

	return !has_systemd(files) || execute_run(argv, SYSTEMCTL_SECONDS) == 0;
}

/*
 * Returns whether it is our turn; false: the NIC has gone, or has an address.
 * A guest that boots is not to be slowed down: systemd is asked last, and seldom.
 */
static bool wait_for_turn(const struct network_files *files, const uint8_t mac[RTNETLINK_MAC])
{
	const struct timespec moment = {.tv_sec = LOOK_SECONDS};
	unsigned int unmanaged = 0;
	bool booted = false;

	for (unsigned int waited = 0; waited < PATIENCE_SECONDS; waited += LOOK_SECONDS) {
		struct rtnetlink_state state;
		struct rtnetlink_link link;

		nanosleep(&moment, NULL);
		if (rtnetlink_find(mac, &link) < 0 || rtnetlink_look(mac, &state) < 0 || state.address)
			return false;
		unmanaged = is_managed(files, &link) ? 0 : unmanaged + LOOK_SECONDS;
		if (unmanaged < UNMANAGED_SECONDS)
			continue;
		if (booted)
			return true;
		booted = has_booted(files);
		/* a network's manager that begins now has its time, too */
		unmanaged = has_systemd(files) ? 0 : unmanaged;
	}
	return false;
}

/* systemd-networkd, which is there and does not have the NIC among its own. */
static bool tell_networkd(const struct network_files *files, const struct job_network *network)
{
	static const char *const reload[] = {"networkctl", "reload", NULL};
	static const char *const start[] = {"systemctl", "--no-block", "start", "systemd-networkd.service", NULL};
	static const char *const exists[] = {"networkctl", "--version", NULL};
	bool runs;

	if (execute_run(exists, SYSTEMCTL_SECONDS) != 0)
		return false;
	runs = network_files_tell_networkd(files, network, 0);
	return execute_run(runs ? reload : start, SYSTEMCTL_SECONDS) == 0;
}

static int run(const struct network_files *files, const struct job_network *network, bool alone)
{
	struct rtnetlink_link link;
	char pid_file[64];
	const char *const udhcpc[] = {"udhcpc", "-f", "-t", "5", "-T", "2", "-A", "3", "-i", link.name, NULL};
	const char *const dhclient[] = {"dhclient", "-d", "-pf", pid_file, link.name, NULL};
	const char *const dhcpcd[] = {"dhcpcd", "-B", link.name, NULL};

	prctl(PR_SET_NAME, "wnodes-dhcp");
	if (!alone && !wait_for_turn(files, network->mac))
		return 0;
	if (rtnetlink_find(network->mac, &link) < 0)
		return 0;
	agent_log("network %s: nothing else in the guest asks for an address of %s: the agent does", network->name,
	          link.name);
	(void)str_print(pid_file, sizeof(pid_file), "/var/run/dhclient-%s.pid", link.name);
	(void)rtnetlink_set_up(link.index, true);
	execute_become(udhcpc);
	execute_become(dhclient);
	execute_become(dhcpcd);
	if (tell_networkd(files, network))
		return 0;
	agent_log("network %s: the guest has no DHCP client: udhcpc, dhclient, dhcpcd or systemd-networkd",
	          network->name);
	return NETWORK_DHCP_NO_CLIENT;
}

pid_t network_dhcp_start(const struct network_files *files, const struct job_network *network, bool alone)
{
	pid_t pid = execute_fork(0);

	if (pid == 0)
		_exit(run(files, network, alone));
	return pid;
}
