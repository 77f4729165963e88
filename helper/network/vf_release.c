/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_release.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "helper/vfio.h"

#define CLOSE_MS 3000U /* for a killed QEMU's group to be closed */
#define STALE_TRIES 3

/* -ENODEV where the VF is no more; numvfs may be being changed just now. */
static int find(const struct vf_lease *lease, struct vf *vf, struct failure *why)
{
	int rc = -ESTALE;

	for (int tries = 0; rc == -ESTALE && tries < STALE_TRIES; tries++) {
		if (tries > 0)
			clock_nap(50);
		rc = vf_find(&lease->vf.pf, lease->vf.index, vf);
	}
	if (rc == -ENOENT || rc == -ENODEV)
		return -ENODEV;
	return rc < 0 ? failure_set(why, EXIT_NODE, "sysfs does not know which PCI device it is: %s", strerror(-rc))
	              : 0;
}

static int wait_closed(const struct vf *vf, struct failure *why)
{
	uint64_t deadline = clock_steady() + CLOSE_MS;

	while (vf_is_open(vf)) {
		if (clock_steady() >= deadline)
			return failure_set(why, EXIT_NODE, "a process has it open still");
		clock_nap(20);
	}
	return 0;
}

static int reset(const struct vf *vf, struct failure *why)
{
	char driver[PCI_NAME_SIZE];
	int rc = pci_driver(&vf->pci, driver);

	/* no machine had it yet: a reset would disturb the driver that it still has */
	if (rc < 0 || strcmp(driver, VFIO_DRIVER) != 0)
		return rc;
	rc = vfio_reset(&vf->pci, why);
	/* then its driver's own reset must do */
	return rc == -ENOTTY ? 0 : rc;
}

/* A driver may give a VF that has no address one of its own. */
static bool is_restored(const struct vf_lease *lease, const struct vf_attributes *is)
{
	struct vf_attributes wanted = lease->original;

	if (wanted.mac == 0 && is->mac != lease->mac)
		wanted.mac = is->mac;
	return vf_link_is(is, &wanted);
}

static int read_attributes(const struct vf_lease *lease, int ifindex, struct vf_attributes *is, struct failure *why)
{
	static struct vf_table table;
	unsigned int index = lease->vf.index;
	int rc = vf_link_read(ifindex, &table);

	if (rc == 0 && !table.known[index])
		rc = -ENODEV;
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "its attributes cannot be read: %s", strerror(-rc));
	*is = table.vfs[index];
	return 0;
}

static int verify(const struct vf_lease *lease, int ifindex, struct failure *why)
{
	struct vf_attributes is = {0};
	int rc = read_attributes(lease, ifindex, &is, why);

	/* what the driver did not take while the VF was a machine's, or lost since */
	return rc < 0 || is_restored(lease, &is) ? rc : vf_link_write(ifindex, lease->vf.index, &lease->original, why);
}

/* At least that, before the VF's own driver has it: the host has no part in a machine's network. */
static int leave_vlan(const struct vf_lease *lease, int ifindex, struct failure *why)
{
	struct vf_attributes wanted = {0};
	int rc = read_attributes(lease, ifindex, &wanted, why);

	if (rc < 0 || wanted.vlan == lease->original.vlan)
		return rc;
	wanted.vlan = lease->original.vlan;
	wanted.vlan_proto = lease->original.vlan_proto;
	wanted.qos = lease->original.qos;
	return vf_link_write(ifindex, lease->vf.index, &wanted, why);
}

static int restore_found(const struct vf_lease *lease, const struct vf *vf, struct failure *why)
{
	struct failure ignored = {0};
	struct vf_pf pf = {0};
	int rc = wait_closed(vf, why);

	if (rc == 0)
		rc = reset(vf, why);
	if (rc == 0)
		rc = vf_pf_find(lease->vf.pf.name, &pf, why);
	if (rc < 0)
		return rc;
	if (vf_link_write(pf.ifindex, vf->index, &lease->original, &ignored) < 0)
		rc = leave_vlan(lease, pf.ifindex, why);
	if (rc == 0)
		rc = vfio_restore(&vf->pci, lease->driver, why);
	return rc == 0 ? verify(lease, pf.ifindex, why) : rc;
}

/* Returns 0, or a negative errno with why: -ENODEV where the VF is no more. */
static int restore_vf(const struct vf_lease *lease, struct failure *why)
{
	struct vf vf = {0};
	int rc = find(lease, &vf, why);

	if (rc == 0)
		rc = restore_found(lease, &vf, why);
	/* it may have gone under our hands */
	if (rc < 0 && rc != -ENODEV && find(lease, &vf, why) == -ENODEV)
		rc = -ENODEV;
	else if (rc == -ENODEV && find(lease, &vf, why) == 0)
		rc = -EIO;
	return rc;
}

static void title(const char *name, char *text)
{
	struct pci_address pf;
	unsigned int index;

	if (vf_lease_parse_name(name, &pf, &index) == 0)
		(void)snprintf(text, LEASE_TITLE_SIZE, "VF %u of %s", index, pf.name);
	else
		(void)snprintf(text, LEASE_TITLE_SIZE, "VF %.40s", name);
}

static int restore(const struct lease *base, const struct kv *own, struct failure *why)
{
	struct vf_lease lease;

	if (vf_lease_read(base, own, &lease) < 0)
		return failure_set(why, EXIT_NODE, "its lease does not say what it was like");
	return restore_vf(&lease, why);
}

const struct lease_kind vf_lease_kind = {.folder = "vf", .title = title, .restore = restore};

int vf_release(const struct pci_address *pf, unsigned int index, const char *token, struct failure *why)
{
	char name[LEASE_NAME_SIZE];

	vf_lease_name(pf, index, name);
	return lease_release(&vf_lease_kind, name, token, false, why);
}
