/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a machine's PCI device becomes the host's again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/device/device.h"
#include "helper/vfio.h"

#define CLOSE_MS 3000U /* for a killed QEMU's group to be closed */

static void device_title(const char *name, char *title)
{
	(void)snprintf(title, LEASE_TITLE_SIZE, "PCI device %s", name);
}

static int wait_closed(const struct pci_address *address, struct failure *why)
{
	uint64_t deadline = clock_steady() + CLOSE_MS;
	unsigned int group;

	while (pci_group(address, &group) == 0 && vfio_is_open(group)) {
		if (clock_steady() >= deadline)
			return failure_set(why, EXIT_NODE, "a process has it open still");
		clock_nap(20);
	}
	return 0;
}

/* Whatever a guest left in it is gone before the host's driver, or the next machine, sees it. */
static int restore_found(const struct pci_address *address, const char *driver, struct failure *why)
{
	char is[PCI_NAME_SIZE];
	int rc = pci_driver(address, is);

	if (rc == 0 && strcmp(is, VFIO_DRIVER) == 0) {
		rc = wait_closed(address, why);
		if (rc == 0)
			rc = vfio_reset(address, why);
	}
	return rc == 0 ? vfio_restore(address, driver, why) : rc;
}

static int device_restore(const struct lease *lease, const struct kv *own, struct failure *why)
{
	const char *driver = kv_get(own, "driver");
	struct pci_address address;
	int rc;

	if (pci_parse(lease->name, &address) < 0 || !driver)
		return failure_set(why, EXIT_NODE, "its lease does not say what it was like");
	rc = restore_found(&address, driver, why);
	/* it may have gone under our hands */
	if (rc < 0 && !pci_exists(&address))
		return -ENODEV;
	if (rc == -ENODEV)
		rc = failure_set(why, EXIT_NODE, "sysfs has just not known it");
	return rc;
}

const struct lease_kind device_lease_kind = {
        .folder = DEVICE_JOURNAL, .title = device_title, .restore = device_restore};
