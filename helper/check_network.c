/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: whether this node has what its networks take. */
#include "helper/check.h"
#include "helper/network/network.h"

void check_networks(struct check *check)
{
	for (unsigned int i = 0; i < check->config->network_count; i++) {
		const struct config_network *network = &check->config->networks[i];
		const struct network_ops *ops = network_find(network->type);
		struct failure why = {0};

		/* what is wrong with the section itself has been said */
		if (!ops || !ops->check || config_network_check(network, "", &why) < 0)
			continue;
		if (ops->check(check->config, network, &why) < 0)
			check_problem(check, "[network %s] %s", network->name, why.message);
	}
}
