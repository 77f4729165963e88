/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/exitcode.h"
#include "helper/network/network.h"

static int bridge_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	(void)machine;
	return failure_set(why, EXIT_NODE, "network %s: networks of type bridge are not yet available",
	                   request->network->name);
}

const struct network_ops network_bridge = {.type = "bridge", .make = bridge_make};
