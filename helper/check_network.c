/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: whether this node has what its networks take. */
#include <string.h>

#include "common/paths.h"
#include "common/str.h"
#include "helper/check.h"
#include "helper/network/network.h"

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
	if (ops && ops->check && ops->check(check->config, network, &why) < 0)
		check_problem(check, "%s: %s", where, why.message);
}

void check_networks(struct check *check)
{
	for (unsigned int i = 0; i < check->config->network_count; i++)
		check_network(check, &check->config->networks[i]);
}
