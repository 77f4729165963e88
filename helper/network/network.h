/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a machine is connected. Each kind is a file here with one struct of functions. */
#ifndef WNODES_HELPER_NETWORK_NETWORK_H
#define WNODES_HELPER_NETWORK_NETWORK_H

#include "common/kv.h"
#include "helper/failure.h"

struct network_ops {
	const char *type; /* in wnodes.conf, and `network=` of the machine description */

	/**
	 * Make what the network needs on the host (journalled in the record's
	 * folder first) and add the machine description's lines. Returns 0 or a
	 * negative errno with why.
	 */
	int (*set_up)(int record, struct kv *machine, struct failure *why);
};

extern const struct network_ops network_user, network_none;

/** The kind of that name, NULL where there is none. */
const struct network_ops *network_find(const char *type);

#endif
