/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No network at all. */
#include "helper/network/network.h"

static int none_set_up(int record, struct kv *machine, struct failure *why)
{
	(void)record;
	(void)why;
	return kv_set(machine, "network", "none");
}

const struct network_ops network_none = {.type = "none", .set_up = none_set_up};
