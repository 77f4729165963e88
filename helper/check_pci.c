/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the PCI devices that machines get, and what of the node's hardware came back from none. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "helper/check.h"
#include "helper/device/device.h"
#include "helper/leases.h"

static void check_device_of(struct check *check, const struct config_device *section, unsigned int index)
{
	const struct pci_address *address = &section->pci[index];
	struct failure why = {0};
	unsigned int group;

	if (address->name[0] && device_check(address, &group, &why) < 0)
		check_problem(check, "[device %s]: %s", section->name, why.message);
}

void check_pci(struct check *check)
{
	const struct config_device_list *list = &check->config->pci_devices;

	for (unsigned int i = 0; i < list->count; i++)
		for (unsigned int j = 0; j < list->sections[i].count; j++)
			check_device_of(check, &list->sections[i], j);
}

struct leases {
	struct check *check;
	const struct lease_kind *kind;
};

static int report_lease(void *context, const char *name, const struct lease *lease, const struct kv *own)
{
	const struct leases *leases = context;
	char title[LEASE_TITLE_SIZE];

	(void)own;
	leases->kind->title(name, title);
	if (!lease)
		check_problem(leases->check, "the lease of %s cannot be read: nobody gets it", title);
	else if (lease->phase == LEASE_QUARANTINED)
		check_problem(leases->check,
		              "%s is quarantined since job %" PRIu32 ": %s; 'wnodes sweep' tries again to restore it",
		              title, lease->owner.job, lease->reason);
	return 0;
}

static void check_kind(void *context, const struct lease_kind *kind)
{
	struct leases leases = {.check = context, .kind = kind};
	int folder = lease_folder(kind, false);
	int rc = folder < 0 ? folder : lease_each(folder, report_lease, &leases);

	if (rc < 0 && rc != -ENOENT)
		check_problem(leases.check, "the leases in " WNODES_STATEDIR "/%s cannot be read: %s", kind->folder,
		              strerror(-rc));
	if (folder >= 0)
		close(folder);
}

void check_leases(struct check *check)
{
	leases_kinds(check_kind, check);
}
