/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/leases.h"

#include <stddef.h>
#include <stdint.h>

#include "helper/clock.h"
#include "helper/network/vf_lease.h"

static const struct lease_kind *const kinds[] = {&vf_lease_kind};

int leases_reconcile(bool retry, unsigned int ms)
{
	uint64_t deadline = clock_steady() + ms;
	int first = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t now = clock_steady();
		int rc = lease_reconcile(kinds[i], retry, now < deadline ? (unsigned int)(deadline - now) : 0);

		if (first == 0)
			first = rc;
	}
	return first;
}
