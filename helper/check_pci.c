/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the PCI devices that machines get, and what of the node's hardware came back from none. */
#include <inttypes.h>
#include <string.h>

#include "helper/check.h"
#include "helper/device/device.h"
#include "helper/leases.h"

static void check_device_of(struct check *check, const struct config_device *section, unsigned int index)
{
	const struct pci_address *address = &section->pci[index];
	struct failure why = {0};
	unsigned int group;

	if (address->name[0] &&
	    (device_check(address, &group, &why) < 0 || device_check_networks(check->config, address, &why) < 0))
		check_problem(check, "[device %s]: %s", section->name, why.message);
}

void check_pci(struct check *check)
{
	const struct config_device_list *list = &check->config->pci_devices;

	for (unsigned int i = 0; i < list->count; i++)
		for (unsigned int j = 0; j < list->sections[i].count; j++)
			check_device_of(check, &list->sections[i], j);
}

static void report_lease(void *context, const char *title, const struct lease *lease)
{
	struct check *check = context;

	if (!lease)
		check_problem(check, "the lease of %s cannot be read: nobody gets it", title);
	else if (lease->phase == LEASE_QUARANTINED)
		check_problem(check,
		              "%s is quarantined since job %" PRIu32 ": %s; 'wnodes sweep' tries again to restore it",
		              title, lease->owner.job, lease->reason);
}

void check_leases(struct check *check)
{
	int rc = leases_each(report_lease, check);

	if (rc < 0)
		check_problem(check, "the leases of VFs and PCI devices cannot be read: %s", strerror(-rc));
}
