/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/leases.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "common/clock.h"
#include "helper/device/device.h"
#include "helper/network/vf_lease.h"

static const struct lease_kind *const kinds[] = {&vf_lease_kind, &device_lease_kind};

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

struct each {
	const struct lease_kind *kind;
	leases_call *call;
	void *context;
};

static int each_one(void *context, const char *name, const struct lease *lease, const struct kv *own)
{
	const struct each *each = context;
	char title[LEASE_TITLE_SIZE];

	(void)own;
	each->kind->title(name, title);
	each->call(each->context, title, lease);
	return 0;
}

int leases_each(leases_call *call, void *context)
{
	int first = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct each each = {kinds[i], call, context};
		int folder = lease_folder(kinds[i], false);
		int rc = folder < 0 ? folder : lease_each(folder, each_one, &each);

		if (folder >= 0)
			close(folder);
		if (first == 0 && rc != -ENOENT)
			first = rc;
	}
	return first;
}
