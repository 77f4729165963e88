/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No network at all: a machine that has it has no NIC, so there is nothing to make. */
#include <errno.h>

#include "helper/network/network.h"

static int none_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	(void)request;
	(void)machine;
	(void)why;
	return -EINVAL;
}

const struct network_ops network_none = {.type = "none", .make = none_make};
