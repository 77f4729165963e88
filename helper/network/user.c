/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's own user-mode network: the guest reaches out with the job user's rights; the host has nothing to make. */
#include "helper/network/network.h"

static int user_set_up(int record, struct kv *machine, struct failure *why)
{
	(void)record;
	(void)why;
	return kv_set(machine, "network", "user");
}

const struct network_ops network_user = {.type = "user", .set_up = user_set_up};
