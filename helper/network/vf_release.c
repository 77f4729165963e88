/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_release.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/clock.h"
#include "helper/controller.h"
#include "helper/journal.h"
#include "helper/vfio.h"

#define LOCK_MS 15000U /* somebody else gives it back: each of his steps is bounded */
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
	static const uint8_t none[VF_MAC_BYTES];
	struct vf_attributes wanted = lease->original;

	if (memcmp(wanted.mac, none, VF_MAC_BYTES) == 0 && memcmp(is->mac, lease->mac, VF_MAC_BYTES) != 0)
		memcpy(wanted.mac, is->mac, VF_MAC_BYTES);
	return vf_link_is(is, &wanted);
}

static int verify(const struct vf_lease *lease, int ifindex, struct failure *why)
{
	static struct vf_table table;
	unsigned int index = lease->vf.index;
	int rc = vf_link_read(ifindex, &table);

	if (rc == 0 && !table.known[index])
		rc = -ENODEV;
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "its attributes cannot be read: %s", strerror(-rc));
	/* what the driver did not take while the VF was a machine's, or lost since */
	return is_restored(lease, &table.vfs[index]) ? 0 : vf_link_write(ifindex, index, &lease->original, why);
}

static int restore_found(const struct vf_lease *lease, const struct vf *vf, struct failure *why)
{
	struct failure ignored = {0};
	struct vf_pf pf;
	int rc = wait_closed(vf, why);

	if (rc == 0)
		rc = reset(vf, why);
	if (rc == 0)
		rc = vf_pf_find(lease->vf.pf.name, &pf, why);
	if (rc < 0)
		return rc;
	(void)vf_link_write(pf.ifindex, vf->index, &lease->original, &ignored);
	rc = vfio_restore(&vf->pci, lease->driver, why);
	return rc == 0 ? verify(lease, pf.ifindex, why) : rc;
}

/* Returns 0, or a negative errno with why: -ENODEV where the VF is no more. */
static int restore(const struct vf_lease *lease, struct failure *why)
{
	struct vf vf;
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

/* Its lease stays, and Slurm is told; until it knows, who releases fails, and Slurm drains the node by itself. */
static int quarantine(int folder, struct vf_lease *lease, const struct failure *found, struct failure *why)
{
	char reason[FAILURE_TEXT];
	int rc;

	if (found) {
		(void)str_print(lease->reason, sizeof(lease->reason), "%s", found->message);
		log_error("VF %u of %s is quarantined: %s", lease->vf.index, lease->vf.pf.name, lease->reason);
	}
	if (found && vf_lease_set_phase(folder, lease, VF_QUARANTINED) < 0)
		return failure_set(why, EXIT_NODE, "VF %u of %s cannot be restored: %.300s", lease->vf.index,
		                   lease->vf.pf.name, lease->reason);
	if (lease->drained)
		return 0;
	(void)str_print(reason, sizeof(reason), "VF %u of %s cannot be restored: %.300s", lease->vf.index,
	                lease->vf.pf.name, lease->reason);
	rc = controller_drain(lease->owner.node, reason, why);
	if (rc == 0) {
		lease->drained = true;
		(void)vf_lease_save(folder, lease, false);
	}
	return rc;
}

/* Under the VF's lock: the hardware, and then the lease. */
static int put_back(int folder, struct vf_lease *lease, struct failure *why)
{
	bool reconsidered = lease->phase == VF_QUARANTINED;
	struct failure found = {0};
	int rc = 0;

	if (lease->phase != VF_LEASED) {
		rc = vf_lease_set_phase(folder, lease, VF_RELEASING);
		if (rc < 0)
			return failure_set(why, EXIT_NODE, "the lease of VF %u of %s cannot be written: %s",
			                   lease->vf.index, lease->vf.pf.name, strerror(-rc));
		rc = restore(lease, &found);
	}
	if (rc == -ENODEV)
		log_info("VF %u of %s is no more: it is nobody's", lease->vf.index, lease->vf.pf.name);
	else if (rc < 0)
		return quarantine(folder, lease, &found, why);
	else if (reconsidered)
		log_info("VF %u of %s is restored, and out of quarantine; node %s may be resumed", lease->vf.index,
		         lease->vf.pf.name, lease->owner.node);
	rc = vf_lease_remove(folder, &lease->vf.pf, lease->vf.index);
	return rc < 0 ? failure_set(why, EXIT_NODE, "the lease of VF %u of %s cannot be removed: %s", lease->vf.index,
	                            lease->vf.pf.name, strerror(-rc))
	              : 0;
}

static bool is_old(const struct vf_lease *lease)
{
	char boot[40];

	return record_boot_id(boot) == 0 && strcmp(boot, lease->boot) != 0;
}

/* Under the VF's lock, the lease being the token's. */
static int release_locked(int folder, struct vf_lease *lease, bool retry, struct failure *why)
{
	/* the VFs of that boot, and what they were like, are no more */
	if (is_old(lease))
		return vf_lease_remove(folder, &lease->vf.pf, lease->vf.index);
	if (lease->phase == VF_QUARANTINED && !retry)
		return quarantine(folder, lease, NULL, why);
	return put_back(folder, lease, why);
}

static int release(const struct pci_address *pf, unsigned int index, const char *token, bool retry, struct failure *why)
{
	struct vf_lease lease;
	int folder = vf_lease_folder(true);
	int lock = folder < 0 ? folder : vf_lease_lock_vf(folder, pf, index, LOCK_MS);
	int rc = lock < 0 ? lock : vf_lease_load(folder, pf, index, &lease);

	if (rc == 0 && strcmp(lease.token, token) == 0)
		rc = release_locked(folder, &lease, retry, why);
	else if (rc == -ENOENT)
		rc = 0;
	if (rc < 0 && why->code == 0)
		rc = failure_set(why, EXIT_NODE, "the lease of VF %u of %s: %s", index, pf->name,
		                 rc == -EINVAL ? "the file is torn" : strerror(-rc));
	if (lock >= 0)
		close(lock);
	if (folder >= 0)
		close(folder);
	return rc;
}

int vf_release(const struct pci_address *pf, unsigned int index, const char *token, struct failure *why)
{
	return release(pf, index, token, false, why);
}

static int has_token(void *context, const char *kind, const char *argument)
{
	const char **token = context;

	if (*token && strcmp(kind, "vf") == 0 && strstr(argument, *token))
		*token = NULL;
	return 0;
}

/* Whether the job that the lease names knows nothing of it: then nobody else gives it back. */
static bool is_orphan(const struct vf_lease *lease)
{
	const char *token = lease->token;
	struct record record;
	int rc = record_open(&record, &lease->owner);

	if (rc < 0)
		return rc == -ENOENT;
	rc = journal_replay(record.dirfd, has_token, &token);
	record_close(&record);
	/* in doubt the record's */
	return rc == 0 && token;
}

struct reconcile {
	bool retry;
	uint64_t deadline;
};

static int reconcile_one(void *context, const struct pci_address *pf, unsigned int index, const struct vf_lease *lease)
{
	const struct reconcile *reconcile = context;
	struct failure why = {0};
	bool again;

	if (!lease) {
		log_error("the lease of VF %u of %s cannot be read: nobody gets the VF; see wnodes.conf(5)", index,
		          pf->name);
		return 0;
	}
	again = lease->phase == VF_QUARANTINED && reconcile->retry;
	if (clock_steady() >= reconcile->deadline)
		return 0;
	if (!is_old(lease) && !again && (lease->phase == VF_QUARANTINED || !is_orphan(lease)))
		return 0;
	if (release(pf, index, lease->token, reconcile->retry, &why) < 0)
		log_error("%s", why.message);
	return 0;
}

int vf_reconcile(bool retry, unsigned int ms)
{
	struct reconcile reconcile = {.retry = retry, .deadline = clock_steady() + ms};
	int folder = vf_lease_folder(false);
	int rc;

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	rc = vf_lease_each(folder, reconcile_one, &reconcile);
	close(folder);
	return rc;
}
