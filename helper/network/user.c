/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's own user-mode network: the guest reaches out with the job user's rights; the host has nothing to make. */
#include <string.h>

#include "common/exitcode.h"
#include "helper/network/network.h"

static int user_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	int rc = network_put(request, machine, "backend", "slirp");

	return rc < 0 ? failure_set(why, EXIT_NODE, "network %s: %s", request->network->name, strerror(-rc)) : 0;
}

const struct network_ops network_user = {.type = "user", .make = user_make};
