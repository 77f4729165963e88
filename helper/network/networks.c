/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/networks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/ipv4.h"
#include "helper/network/claim.h"
#include "helper/network/network.h"

#define DNS_SIZE (CONFIG_NETWORK_DNS * IPV4_TEXT)

/* The names of the networks that the job may have, for its user to read. */
static void allowed(const struct config *config, const struct policy_job *job, char *text, size_t size)
{
	static const char *const builtin[] = {"user", NETWORK_NONE};
	struct failure ignored = {0};
	uint16_t vlan = 0;
	size_t used = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < config->network_count + 2; i++) {
		const char *name =
		        i < config->network_count ? config->networks[i].name : builtin[i - config->network_count];
		const struct config_network *network = config_network(config, name);

		/* one that is there by itself has no line of wnodes.conf, or it has been named already */
		if ((i >= config->network_count && network->lines[0]) || policy_network(network, job, &ignored) < 0 ||
		    policy_vlan(network, job, &vlan, &ignored) < 0 ||
		    str_print(text + used, size - used, "%s%s", used ? ", " : "", name) < 0)
			continue;
		used += strlen(text + used);
	}
}

/* One of the names, with what policy says of it. */
static int choose(const struct network_request *request, const struct policy_job *job, bool is_only,
                  struct failure *why)
{
	const struct config_network *network = request->network;
	char text[8];
	uint16_t vlan = 0;
	int rc = policy_network(network, job, why);

	if (rc == 0)
		rc = policy_vlan(network, job, &vlan, why);
	if (rc < 0)
		return rc;
	if (strcmp(network->type, NETWORK_NONE) == 0)
		return is_only ? kv_set(&request->record->kv, "networks", "0")
		               : failure_set(why, EXIT_USAGE,
		                             "--vm-network: %s is of type none, and goes with no other network",
		                             network->name);
	(void)snprintf(text, sizeof(text), "%u", (unsigned int)vlan);
	rc = network_set(request, "name", network->name);
	if (rc == 0)
		rc = network_set(request, "type", network->type);
	if (rc == 0)
		rc = network_set(request, "vlan", text);
	return rc == 0 ? kv_setf(&request->record->kv, "networks", "%u", request->index + 1) : rc;
}

/* What is wrong with a name, and which ones are right. */
static int refuse(const struct config *config, const struct policy_job *job, int code, const char *problem,
                  struct failure *why)
{
	char names[256];

	allowed(config, job, names, sizeof(names));
	return failure_set(why, code, "%.300s; you may use %s", problem, names[0] ? names : "none");
}

int networks_choose(const struct config *config, const char *text, const struct policy_job *job, struct record *record,
                    struct failure *why)
{
	struct network_option option = config->network;
	struct network_request request = {.config = config, .record = record};
	char problem[128];
	int rc = 0;

	if (text && network_option_parse(&option, text, problem, sizeof(problem)) < 0)
		return failure_set(why, EXIT_USAGE, "--vm-network: %s", problem);
	for (; rc == 0 && request.index < option.count; request.index++) {
		const char *name = option.names[request.index];

		request.network = config_network(config, name);
		if (!request.network) {
			(void)str_print(problem, sizeof(problem), "--vm-network: there is no network %s here", name);
			return refuse(config, job, EXIT_USAGE, problem, why);
		}
		rc = choose(&request, job, option.count == 1, why);
	}
	/* of a job that named none, too: it has to name another one */
	if (rc < 0 && why->code == EXIT_DENIED) {
		const struct failure denied = *why;

		return refuse(config, job, EXIT_DENIED, denied.message, why);
	}
	return rc < 0 && !why->code ? failure_set(why, EXIT_NODE, "the job's networks: %s", strerror(-rc)) : rc;
}

typedef int networks_call(const struct network_ops *ops, const struct network_request *request, struct kv *machine,
                          struct failure *why);

/* Call it for each of the record's networks, which wnodes.conf must have as it had when they were chosen. */
static int each(const struct config *config, struct record *record, struct kv *machine, networks_call *call,
                struct failure *why)
{
	struct network_request request = {.config = config, .record = record};
	uint64_t count = 0;
	int rc = 0;

	if (kv_get_u64(&record->kv, "networks", 0, NETWORKS_MAX, &count) < 0 ||
	    record_owner(record, &request.uid, &request.gid) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	for (; rc == 0 && request.index < count; request.index++) {
		const char *name = network_get(&request, "name"), *type = network_get(&request, "type");
		const struct network_ops *ops = type ? network_find(type) : NULL;

		if (!name || !ops)
			return failure_set(why, EXIT_NODE, "the job's record is broken");
		request.network = config_network(config, name);
		if (!request.network || strcmp(request.network->type, type) != 0)
			return failure_set(why, EXIT_NODE, "network %s of type %s is in wnodes.conf no more", name,
			                   type);
		rc = call(ops, &request, machine, why);
	}
	return rc;
}

static int lease(const struct network_ops *ops, const struct network_request *request, struct kv *machine,
                 struct failure *why)
{
	(void)machine;
	return ops->lease ? ops->lease(request, why) : 0;
}

int networks_lease(const struct config *config, struct record *record, struct failure *why)
{
	int rc = claim_networks(config, record, why);

	return rc == 0 ? each(config, record, NULL, lease, why) : rc;
}

/* Addresses as text, separated by blanks; "" for none. */
static void write_addresses(const uint32_t *addresses, unsigned int count, char *text, size_t size)
{
	char address[IPV4_TEXT];
	int rc = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < count; i++) {
		ipv4_format(addresses[i], address);
		str_append(text, size, &rc, "%s%s", i ? " " : "", address);
	}
}

/* What the guest is to know of it. */
static int describe_guest(const struct network_request *request, struct kv *machine)
{
	const struct config_network *network = request->network;
	char gateway[IPV4_TEXT], dns[DNS_SIZE], mtu[16], wait[16];
	int rc;

	write_addresses(&network->gateway, network->gateway ? 1 : 0, gateway, sizeof(gateway));
	write_addresses(network->dns, network->dns_count, dns, sizeof(dns));
	(void)snprintf(mtu, sizeof(mtu), "%" PRIu32, network->mtu);
	(void)snprintf(wait, sizeof(wait), "%" PRIu32, network->wait_timeout);
	rc = network_put(request, machine, "dhcp", network->address == NETWORK_ADDRESS_DHCP ? "yes" : "no");
	if (rc == 0)
		rc = network_put(request, machine, "address", network_get(request, "address"));
	if (rc == 0)
		rc = network_put(request, machine, "gateway", gateway[0] ? gateway : NULL);
	if (rc == 0)
		rc = network_put(request, machine, "dns", dns[0] ? dns : NULL);
	if (rc == 0)
		rc = network_put(request, machine, "mtu", network->mtu ? mtu : NULL);
	return rc == 0 ? network_put(request, machine, "wait", network->wait ? wait : NULL) : rc;
}

static int describe(const struct network_request *request, struct kv *machine)
{
	static const char *const keys[][2] = {{"kind", "type"}, {"name", "name"}, {"mac", "mac"}};
	int rc = kv_setf(machine, "networks", "%u", request->index + 1);

	for (size_t i = 0; rc == 0 && i < sizeof(keys) / sizeof(keys[0]); i++)
		rc = network_put(request, machine, keys[i][0], network_get(request, keys[i][1]));
	return rc == 0 ? describe_guest(request, machine) : rc;
}

static int make(const struct network_ops *ops, const struct network_request *request, struct kv *machine,
                struct failure *why)
{
	int rc = ops->make(request, machine, why);

	if (rc == 0)
		rc = describe(request, machine);
	if (rc == 0)
		rc = record_save(request->record);
	return rc < 0 && !why->code
	               ? failure_set(why, EXIT_NODE, "network %s: %s", request->network->name, strerror(-rc))
	               : rc;
}

int networks_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why)
{
	if (kv_set(machine, "networks", "0") < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	return each(config, record, machine, make, why);
}
