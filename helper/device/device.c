/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/device/device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/controller.h"
#include "helper/journal.h"
#include "helper/state.h"
#include "helper/vfio.h"

#define LOCK_MS 5000U
#define ARGUMENT_MAX 64U
#define CLASS_BRIDGE 0x06U

struct make {
	const struct config *config;
	struct record *record;
	struct kv *machine;
	struct pci_address devices[DEVICES_MAX];
	unsigned int count;
};

/* A GRES's index as the section has it. */
static int add_device(struct make *make, const struct config_device *section, unsigned int index, struct failure *why)
{
	if (index >= section->count || !section->pci[index].name[0])
		return failure_set(why, EXIT_NODE,
		                   "[device %s] of wnodes.conf has no device for index %u of GRES %s, which Slurm gave "
		                   "the job",
		                   section->name, index, section->gres);
	if (make->count == DEVICES_MAX)
		return failure_set(why, EXIT_NODE, "a machine has at most %u PCI devices", DEVICES_MAX);
	make->devices[make->count++] = section->pci[index];
	return 0;
}

static int add_section(struct make *make, const struct config_device *section, const char *gres, struct failure *why)
{
	unsigned int indices[CONFIG_DEVICE_PCI];
	int count = controller_gres_indices(gres, section->gres, indices, CONFIG_DEVICE_PCI);
	int rc = 0;

	if (count == -ENODATA)
		return failure_set(why, EXIT_NODE,
		                   "Slurm only counts GRES %s: gres.conf needs File= for it, so that it says which "
		                   "device a job has",
		                   section->gres);
	if (count < 0)
		return failure_set(why, EXIT_NODE, "Slurm says of the job's GRES '%.128s', of which %s cannot be read",
		                   gres, section->gres);
	for (int i = 0; rc == 0 && i < count; i++)
		rc = add_device(make, section, indices[i], why);
	return rc;
}

/* What the job has, by Slurm's word alone. */
static int find_devices(struct make *make, struct failure *why)
{
	const struct config_device_list *list = &make->config->pci_devices;
	char gres[CONTROLLER_GRES_MAX];
	int rc = controller_gres(make->record->id.node, make->record->id.job, gres, why);

	for (unsigned int i = 0; rc == 0 && i < list->count; i++)
		rc = add_section(make, &list->sections[i], gres, why);
	return rc;
}

int device_check(const struct pci_address *address, unsigned int *group, struct failure *why)
{
	uint32_t vendor, device, class;
	struct pci_address vf;
	int rc = vfio_check(address, group, why);

	if (rc < 0)
		return rc;
	if (pci_identify(address, &vendor, &device, &class) == 0 && class >> 16 == CLASS_BRIDGE)
		return failure_set(why, EXIT_NODE, "PCI device %s: it is a bridge", address->name);
	if (pci_vf(address, 0, &vf) == 0)
		return failure_set(why, EXIT_NODE, "PCI device %s: it has VFs, which would go with it", address->name);
	if (!pci_has_reset(address))
		return failure_set(why, EXIT_NODE,
		                   "PCI device %s: the kernel cannot reset it, so that one job's data would reach the "
		                   "next",
		                   address->name);
	return 0;
}

/* A VF that a network hands out is leased by that, which knows nothing of leases here. */
int device_check_networks(const struct config *config, const struct pci_address *address, struct failure *why)
{
	struct pci_address pf, other;
	unsigned int index;

	if (pci_pf(address, &pf, &index) < 0)
		return 0;
	for (unsigned int i = 0; i < config->network_count; i++)
		for (unsigned int j = 0; j < config->networks[i].pf_count; j++) {
			const char *name = config->networks[i].pfs[j];

			if ((pci_parse(name, &other) == 0 || pci_of_netdev(name, &other) == 0) && pci_is(&other, &pf))
				return failure_set(why, EXIT_NODE,
				                   "PCI device %s: it is VF %u of %s, which [network %s] hands out",
				                   address->name, index, name, config->networks[i].name);
		}
	return 0;
}

/* Nobody has it; or who does is said. */
static int check_lease(int folder, const struct pci_address *address, struct failure *why)
{
	struct lease lease;
	int rc = lease_load(folder, address->name, &lease, NULL);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "PCI device %s: its lease cannot be read: %s", address->name,
		                   strerror(-rc));
	if (lease.phase == LEASE_QUARANTINED)
		return failure_set(why, EXIT_NODE, "PCI device %s is quarantined: %s", address->name, lease.reason);
	return failure_set(why, EXIT_NODE, "PCI device %s is still job %" PRIu32 "'s", address->name, lease.owner.job);
}

/* Journalled, then on disk: whatever is cut short, destroy finds all of it. */
static int take_lease(const struct make *make, int folder, const struct pci_address *address, struct lease *lease,
                      struct kv *own, struct failure *why)
{
	char argument[ARGUMENT_MAX], driver[PCI_NAME_SIZE];
	int rc = lease_begin(lease, address->name, make->record);

	if (rc == 0)
		rc = pci_driver(address, driver);
	if (rc == 0)
		rc = kv_set(own, "driver", driver);
	if (rc == 0)
		rc = str_print(argument, sizeof(argument), "%s %s", address->name, lease->token);
	if (rc == 0)
		rc = journal_append(make->record->dirfd, DEVICE_JOURNAL, argument);
	if (rc == 0)
		rc = lease_save(folder, lease, own, true);
	return rc < 0 ? failure_set(why, EXIT_NODE, "PCI device %s: its lease cannot be written: %s", address->name,
	                            strerror(-rc))
	              : 0;
}

/* Under the device's lock. */
static int take_device(const struct make *make, int folder, const struct pci_address *address, unsigned int *group,
                       struct failure *why)
{
	struct device_claims claims = {0};
	char used[DEVICE_USED_WHY] = "";
	struct lease lease;
	struct kv own = {0};
	int rc = check_lease(folder, address, why);

	if (rc == 0)
		rc = device_check(address, group, why);
	if (rc == 0)
		rc = device_check_networks(make->config, address, why);
	if (rc == 0 && device_is_used(address, &claims, used))
		rc = failure_set(why, EXIT_NODE, "PCI device %s: the host uses it: %s", address->name, used);
	if (rc == 0)
		rc = take_lease(make, folder, address, &lease, &own, why);
	if (rc == 0 && lease_set_phase(folder, &lease, &own, LEASE_PROGRAMMING) < 0)
		rc = failure_set(why, EXIT_NODE, "PCI device %s: its lease cannot be written", address->name);
	if (rc == 0)
		rc = vfio_bind(address, group, why);
	if (rc == 0 && lease_set_phase(folder, &lease, &own, LEASE_READY) < 0)
		rc = failure_set(why, EXIT_NODE, "PCI device %s: its lease cannot be written", address->name);
	device_unclaim(&claims);
	kv_free(&own);
	return rc;
}

static int make_one(const struct make *make, int folder, unsigned int number, struct failure *why)
{
	const struct pci_address *address = &make->devices[number];
	unsigned int group = 0;
	char key[32];
	int lock = lease_lock_one(folder, address->name, LOCK_MS);
	int rc;

	if (lock < 0)
		return failure_set(why, EXIT_NODE, "PCI device %s: another job does not come to an end with it: %s",
		                   address->name, strerror(-lock));
	rc = take_device(make, folder, address, &group, why);
	close(lock);
	if (rc < 0)
		return rc;
	(void)snprintf(key, sizeof(key), "device.%u.pci", number);
	if (kv_set(make->machine, key, address->name) < 0 || vfio_describe(make->machine, group) < 0)
		return failure_set(why, EXIT_NODE, "PCI device %s: too many VFIO groups", address->name);
	return 0;
}

int devices_make(const struct config *config, struct record *record, struct kv *machine, struct failure *why)
{
	struct make make = {.config = config, .record = record, .machine = machine};
	int folder, rc;

	if (config->pci_devices.count == 0)
		return 0;
	rc = find_devices(&make, why);
	if (rc < 0 || make.count == 0)
		return rc;
	folder = lease_folder(&device_lease_kind, true);
	if (folder < 0)
		return failure_set(why, EXIT_NODE, "the leases of devices: %s", strerror(-folder));
	for (unsigned int i = 0; rc == 0 && i < make.count; i++)
		rc = make_one(&make, folder, i, why);
	close(folder);
	if (rc == 0 && kv_setf(machine, "devices", "%u", make.count) < 0)
		rc = failure_set(why, EXIT_NODE, "out of memory");
	if (rc == 0)
		(void)state_mark(record, "devices");
	return rc;
}

int devices_remove(const char *argument, bool old_boot)
{
	char address[sizeof(((struct pci_address *)0)->name)], token[LEASE_TOKEN_SIZE], end = 0;
	struct pci_address parsed;
	struct failure why = {0};
	int rc;

	if (sscanf(argument, "%12s %32[0-9a-f]%c", address, token, &end) != 2 || pci_parse(address, &parsed) < 0 ||
	    strlen(token) != LEASE_TOKEN_SIZE - 1)
		return -EINVAL;
	rc = old_boot ? lease_drop_torn(&device_lease_kind, parsed.name) : 0;
	if (rc == 0)
		rc = lease_release(&device_lease_kind, parsed.name, token, false, &why);
	if (rc < 0 && why.code)
		log_error("%s", why.message);
	return rc;
}
