/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: whether this node has what its networks take. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/check.h"
#include "helper/network/network.h"

/* Of several adapters each by itself: one that is wrong hides no other. */
static void check_host(struct check *check, const struct network_ops *ops, const struct config_network *network,
                       const char *where)
{
	static struct config_network one;
	unsigned int count = network->pf_count > 1 ? network->pf_count : 1;

	one = *network;
	for (unsigned int i = 0; i < count; i++) {
		struct failure why = {0};

		if (network->pf_count > 1) {
			memcpy(one.pfs[0], network->pfs[i], sizeof(one.pfs[0]));
			one.pf_count = 1;
		}
		if (ops->check(check->config, &one, &why) < 0)
			check_problem(check, "%s: %s", where, why.message);
	}
}

static void check_network(struct check *check, const struct config_network *network)
{
	const struct network_ops *ops = network_find(network->type);
	struct failure why = {0};
	char where[96];

	(void)str_print(where, sizeof(where), "[network %s]", network->name);
	check_users(check, where, network->users);
	check_groups(check, where, network->groups);
	for (unsigned int i = 0; i < network->group_vlan_count; i++)
		check_groups(check, where, network->group_vlans[i].name);
	if (config_network_check(network, WNODES_CONF, &why) < 0) {
		/* the first of such has been said, and what is wrong with a line as well */
		if (network->type[0] && strcmp(why.message, check->said) != 0)
			check_problem(check, "%s", why.message);
		return;
	}
	if (network->wait && network->wait_timeout >= check->config->boot_timeout)
		check_note(check,
		           "%s: wait_timeout = %" PRIu32 " is not over before boot_timeout = %" PRIu64
		           ", whose end does not say what was waited for",
		           where, network->wait_timeout, check->config->boot_timeout);
	if (ops && ops->check)
		check_host(check, ops, network, where);
}

/* What jobs get that say nothing of networks, where wnodes.conf has no section of it. */
static void check_default(struct check *check, const char *name)
{
	const struct config_network *network = config_network(check->config, name);

	/* without QEMU, which has been said, nothing can be known of it */
	if (network && !network->lines[0] && access(check->config->emulator, X_OK) == 0)
		check_network(check, network);
}

void check_networks(struct check *check)
{
	for (unsigned int i = 0; i < check->config->network_count; i++)
		check_network(check, &check->config->networks[i]);
	for (unsigned int i = 0; i < check->config->network.count; i++)
		check_default(check, check->config->network.names[i]);
}
