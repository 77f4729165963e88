/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/network.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "guest/announce.h"
#include "guest/execute.h"
#include "guest/log.h"
#include "guest/modules.h"
#include "guest/network_dhcp.h"

#define LOOK_MS 1000U    /* between looks while something is missing */
#define MODULES_MS 1000U /* udev has so long to load a NIC's driver, before the agent does */
#define MODULES_AGAIN_MS 15000U
#define SETTLE_MS 1000U  /* from an address by DHCP to its route and its servers */
#define RESOLVE_MS 5000U /* and to a resolver that is still starting */
#define KEEP_MS 300000U  /* as long as a guest boots its managers may take an address away */
#define REPAIRS_MAX 20U
#define METRIC_NEXT 4096U /* of the second network and more: behind those that the guest's own programs set */
#define RELOAD_SECONDS 20U

/* The first network has the default route. */
static uint32_t metric(size_t number)
{
	return number == 0 ? 0 : METRIC_NEXT + (uint32_t)number;
}

static const struct job_network *wanted(const struct networks *networks, const struct nic *nic)
{
	return &networks->job->networks[nic - networks->nics];
}

static bool is_static(const struct job_network *network)
{
	return network->address_count > 0;
}

static int set_routes(const struct networks *networks, const struct nic *nic, const struct job_network *network)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < network->gateway_count; i++) {
		rc = rtnetlink_add_route(nic->index, &network->gateways[i], metric((size_t)(nic - networks->nics)));
		rc = rc == -EEXIST ? 0 : rc;
	}
	return rc;
}

/* Returns 0, or a negative errno with what could not be set. */
static int set_static(const struct networks *networks, struct nic *nic, const struct job_network *network, bool is_up,
                      const char **what)
{
	int rc;

	nic->raised = !is_up;
	*what = "its address cannot be set";
	/* up first: the kernel forgets what IPv6 has of an interface that is down */
	rc = rtnetlink_set_up(nic->index, true);
	for (unsigned int i = 0; rc == 0 && i < network->address_count; i++) {
		rc = rtnetlink_set_address(nic->index, &network->addresses[i], true);
		rc = rc == -EEXIST ? 0 : rc;
	}
	if (rc < 0)
		return rc;
	*what = "its gateway cannot be set";
	return set_routes(networks, nic, network);
}

static void tell_managers(const struct networks *networks, const struct nic *nic, const struct job_network *network)
{
	static const char *const reload[] = {"networkctl", "reload", NULL};

	network_files_tell_manager(&networks->files, network);
	if (network_files_tell_networkd(&networks->files, network, metric((size_t)(nic - networks->nics))))
		(void)execute_start(reload, RELOAD_SECONDS);
}

static int set_mtu(struct nic *nic, const struct job_network *network, const struct rtnetlink_link *link)
{
	if (!network->mtu || network->mtu == link->mtu)
		return 0;
	nic->old_mtu = link->mtu;
	return rtnetlink_set_mtu(link->index, network->mtu);
}

/* The NIC has appeared. */
static void make(struct networks *networks, struct nic *nic, const struct rtnetlink_link *link)
{
	const struct job_network *network = wanted(networks, nic);
	const char *what = "its MTU cannot be set";
	int rc;

	nic->made = true;
	nic->index = link->index;
	agent_log("network %s: %s", network->name, link->name);
	rc = set_mtu(nic, network, link);
	if (rc == 0 && is_static(network)) {
		tell_managers(networks, nic, network);
		rc = set_static(networks, nic, network, link->is_up, &what);
	} else if (rc == 0 && network->dhcp) {
		nic->dhcp = network_dhcp_start(&networks->files, network, networks->alone);
		what = "no process to ask for its address";
		rc = nic->dhcp < 0 ? nic->dhcp : 0;
	}
	if (rc < 0)
		(void)unfit_set(&networks->unfit, EXIT_NODE, "network %s: %s: %s", network->name, what, strerror(-rc));
}

/* What booting programs have taken from the NIC. Where there is nothing to repair the kernel says EEXIST. */
static void repair(const struct networks *networks, struct nic *nic)
{
	const struct job_network *network = wanted(networks, nic);
	bool lost = false;

	for (unsigned int i = 0; i < network->address_count; i++)
		lost |= rtnetlink_set_address(nic->index, &network->addresses[i], true) == 0;
	for (unsigned int i = 0; i < network->gateway_count; i++)
		lost |= rtnetlink_add_route(nic->index, &network->gateways[i],
		                            metric((size_t)(nic - networks->nics))) == 0;
	if (!lost)
		return;
	nic->repairs++;
	agent_log("network %s: something in the guest took its address or route away: it is set again", network->name);
}

/* Whether all is there that the network is to bring. */
static bool is_up(struct networks *networks, struct nic *nic, uint64_t now)
{
	const struct job_network *network = wanted(networks, nic);
	struct rtnetlink_state state;
	uint64_t had;

	if (rtnetlink_look(network->mac, &state) < 0 || !state.address || !state.carrier) {
		nic->since = 0;
		return false;
	}
	if (nic->since == 0)
		nic->since = now;
	had = now - nic->since;
	if (!is_static(network) && !state.route && had < SETTLE_MS)
		return false;
	return (!network->dhcp && network->dns_count == 0) || had >= RESOLVE_MS ||
	       network_files_can_resolve(&networks->files);
}

static void look_at(struct networks *networks, struct nic *nic, uint64_t now)
{
	const struct job_network *network = wanted(networks, nic);
	struct rtnetlink_link link;

	if (!nic->made) {
		if (rtnetlink_find(network->mac, &link) < 0)
			return;
		make(networks, nic, &link);
	} else if (is_static(network) && nic->repairs < REPAIRS_MAX) {
		repair(networks, nic);
	}
	if (nic->up || !is_up(networks, nic, now))
		return;
	nic->up = true;
	agent_log("network %s: up", network->name);
	for (unsigned int i = 0; i < network->address_count; i++)
		if (network->addresses[i].family == AF_INET)
			(void)announce(nic->index, network->mac, &network->addresses[i]);
}

/* Whether a DHCP client of the NIC's may put its servers in place of those that the job has. */
static bool is_rival(const struct networks *networks, const struct nic *nic)
{
	const struct job_network *network = wanted(networks, nic);

	return network->dhcp && !is_static(network) && network_files_has_servers(networks->job);
}

/* Whether somebody waits for the NIC, or something is left to be done with it. */
static bool is_pending(const struct networks *networks, const struct nic *nic, uint64_t now)
{
	const struct job_network *network = wanted(networks, nic);
	bool rival = is_rival(networks, nic);

	if (!nic->made || (!nic->up && (network->wait > 0 || network->dns_count > 0 || rival)))
		return true;
	return rival && now < nic->since + RESOLVE_MS;
}

/* The time for a NIC that READY waits for is over. */
static void give_up(struct networks *networks, const struct nic *nic)
{
	const struct job_network *network = wanted(networks, nic);
	struct rtnetlink_state state = {0};
	struct rtnetlink_link link;
	const char *why = "";

	if (!nic->made)
		why = ": the guest has no driver for its NIC, or the driver is not loaded";
	else if (nic->since == 0 && nic->no_client)
		why = ": the guest has no DHCP client (udhcpc, dhclient, dhcpcd or systemd-networkd)";
	else if (rtnetlink_find(network->mac, &link) == 0 && !link.is_up)
		why = ": nothing in the guest has set its NIC up";
	else if (rtnetlink_look(network->mac, &state) == 0 && !state.carrier)
		why = ": its NIC has no carrier";
	else if (network->dhcp && !state.address)
		why = ": no DHCP server has given it one";
	(void)unfit_set(&networks->unfit, EXIT_NODE, "network %s: no address after %u s%s", network->name,
	                network->wait, why);
}

static bool is_late(const struct networks *networks, const struct nic *nic, uint64_t now)
{
	uint32_t wait = wanted(networks, nic)->wait;

	return wait > 0 && !nic->up && now >= networks->begun + wait * UINT64_C(1000);
}

static void load_drivers(struct networks *networks, uint64_t now)
{
	uint64_t after = networks->asked   ? networks->asked + MODULES_AGAIN_MS
	                 : networks->alone ? 0
	                                   : networks->begun + MODULES_MS;

	if (now < after)
		return;
	networks->asked = now;
	modules_load_missing();
}

static void stop_looking(struct networks *networks)
{
	if (networks->news >= 0)
		close(networks->news);
	networks->news = -1;
	networks->due = 0;
}

bool networks_hold(const struct networks *networks)
{
	for (size_t i = 0; networks->job && i < networks->job->network_count; i++)
		if (networks->job->networks[i].wait > 0 && !networks->nics[i].up)
			return true;
	return false;
}

void networks_look(struct networks *networks, uint64_t now)
{
	uint64_t kept_until = networks->begun + KEEP_MS;
	bool pending = false, missing = false, keep = false, rivals = false;

	if (!networks->job || networks->news < 0)
		return;
	rtnetlink_drain(networks->news);
	for (size_t i = 0; i < networks->job->network_count; i++) {
		struct nic *nic = &networks->nics[i];

		look_at(networks, nic, now);
		if (networks->unfit.length == 0 && is_late(networks, nic, now))
			give_up(networks, nic);
		missing |= !nic->made;
		pending |= is_pending(networks, nic, now);
		rivals |= is_rival(networks, nic);
		keep |= is_static(wanted(networks, nic));
	}
	if (missing)
		load_drivers(networks, now);
	if (rivals)
		network_files_resolver(&networks->files, networks->job);
	networks->due = 0;
	if (!pending && (!keep || now >= kept_until))
		stop_looking(networks);
	else if (!pending)
		networks->due = kept_until;
	else if (now < kept_until || networks_hold(networks))
		networks->due = now + LOOK_MS;
}

void networks_begin(struct networks *networks, const struct job *job, const char *etc, const char *run, bool alone)
{
	*networks = (struct networks){
	        .job = job, .files = {.etc = etc, .run = run}, .alone = alone, .news = -1, .begun = agent_now()};
	if (job->network_count == 0)
		return;
	networks->news = rtnetlink_listen();
	if (networks->news < 0) {
		(void)unfit_set(&networks->unfit, EXIT_NODE, "the guest's kernel does not tell of its NICs: %s",
		                strerror(-networks->news));
		networks->news = -1;
		return;
	}
	network_files_resolver(&networks->files, job);
	networks_look(networks, networks->begun);
}

int networks_fd(const struct networks *networks)
{
	return networks->job ? networks->news : -1;
}

void networks_reaped(struct networks *networks, pid_t pid, int status)
{
	for (size_t i = 0; networks->job && i < networks->job->network_count; i++) {
		struct nic *nic = &networks->nics[i];

		if (nic->dhcp != pid)
			continue;
		nic->dhcp = 0;
		nic->no_client = WIFEXITED(status) && WEXITSTATUS(status) == NETWORK_DHCP_NO_CLIENT;
	}
}

static void undo(const struct networks *networks, const struct nic *nic)
{
	const struct job_network *network = wanted(networks, nic);

	if (nic->index == 0)
		return;
	if (nic->dhcp > 0) {
		/* what the client has done: SIGKILL, lest it does more meanwhile */
		(void)kill(nic->dhcp, SIGKILL);
		rtnetlink_flush(nic->index);
		(void)rtnetlink_set_up(nic->index, false);
	}
	for (unsigned int i = 0; i < network->address_count; i++)
		(void)rtnetlink_set_address(nic->index, &network->addresses[i], false);
	if (nic->raised)
		(void)rtnetlink_set_up(nic->index, false);
	if (nic->old_mtu)
		(void)rtnetlink_set_mtu(nic->index, nic->old_mtu);
}

void networks_undo(struct networks *networks)
{
	if (!networks->job)
		return;
	stop_looking(networks);
	for (size_t i = 0; i < networks->job->network_count; i++)
		undo(networks, &networks->nics[i]);
	network_files_undo(&networks->files, networks->job);
	*networks = (struct networks){0};
}
