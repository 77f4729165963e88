/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/networks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "helper/network/network.h"

int networks_choose(const struct config *config, const char *text, struct record *record, struct failure *why)
{
	struct network_option option = config->network;
	struct network_request request = {.config = config, .record = record};
	char problem[128];
	int rc = 0;

	if (text && network_option_parse(&option, text, problem, sizeof(problem)) < 0)
		return failure_set(why, EXIT_USAGE, "--vm-network: %s", problem);
	for (unsigned int i = 0; rc == 0 && i < option.count; i++) {
		const struct config_network *network = config_network(config, option.names[i]);
		char mac[MAC_TEXT];

		if (!network)
			return failure_set(why, EXIT_USAGE, "--vm-network: there is no network %s", option.names[i]);
		if (strcmp(network->type, NETWORK_NONE) == 0)
			break;
		request.index = i;
		mac_format(UINT64_C(0x525400123456) + i, mac);
		rc = network_set(&request, "name", network->name);
		if (rc == 0)
			rc = network_set(&request, "type", network->type);
		if (rc == 0)
			rc = network_set(&request, "mac", mac);
		if (rc == 0)
			rc = kv_setf(&record->kv, "networks", "%u", i + 1);
	}
	if (rc == 0 && !kv_get(&record->kv, "networks"))
		rc = kv_set(&record->kv, "networks", "0");
	return rc < 0 ? failure_set(why, EXIT_NODE, "out of memory") : 0;
}

static int each(const struct config *config, struct record *record, struct kv *machine,
                int (*call)(const struct network_ops *, const struct network_request *, struct kv *, struct failure *),
                struct failure *why)
{
	struct network_request request = {.config = config, .record = record};
	uint64_t count = 0, uid = 0, gid = 0;
	int rc = 0;

	if (kv_get_u64(&record->kv, "networks", 0, NETWORKS_MAX, &count) < 0 ||
	    kv_get_u64(&record->kv, "uid", 1, UINT32_MAX - 1, &uid) < 0 ||
	    kv_get_u64(&record->kv, "gid", 0, UINT32_MAX - 1, &gid) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	request.uid = (uid_t)uid;
	request.gid = (gid_t)gid;
	for (; rc == 0 && request.index < count; request.index++) {
		const char *name = network_get(&request, "name"), *type = network_get(&request, "type");
		const struct network_ops *ops = type ? network_find(type) : NULL;

		if (!name || !ops)
			return failure_set(why, EXIT_NODE, "the job's record is broken");
		request.network = config_network(config, name);
		if (!request.network || strcmp(request.network->type, type) != 0)
			return failure_set(
			        why, EXIT_NODE,
			        "network %s, of type %s, is no longer in wnodes.conf as it was when the job began",
			        name, type);
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
	return each(config, record, NULL, lease, why);
}

/* What the monitor and the guest are told of it. */
static int describe(const struct network_request *request, struct kv *machine)
{
	int rc = network_put(request, machine, "kind", network_get(request, "type"));

	if (rc == 0)
		rc = network_put(request, machine, "name", network_get(request, "name"));
	if (rc == 0)
		rc = network_put(request, machine, "mac", network_get(request, "mac"));
	if (rc == 0)
		rc = network_put(request, machine, "dhcp", "yes");
	return rc == 0 ? kv_setf(machine, "networks", "%u", request->index + 1) : rc;
}

static int make(const struct network_ops *ops, const struct network_request *request, struct kv *machine,
                struct failure *why)
{
	int rc = ops->make(request, machine, why);

	if (rc == 0 && describe(request, machine) < 0)
		rc = failure_set(why, EXIT_NODE, "out of memory");
	return rc;
}

int networks_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why)
{
	if (kv_set(machine, "networks", "0") < 0)
		return failure_set(why, EXIT_NODE, "out of memory");
	return each(config, record, machine, make, why);
}
