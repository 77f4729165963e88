/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/str.h"
#include "helper/bounded.h"

#define WRITE_MS 10000U /* a driver lets go of its device, or takes it */
#define OPEN_MS 2000U
#define SETTLE_MS 3000U /* what a write brought about shows */
#define RETRIES 5U
#define RETRY_MS 20U
#define NAMED_MEMBERS 8U

static int fail(struct failure *why, int rc, const struct pci_address *address, const char *text)
{
	(void)failure_set(why, EXIT_NODE, "PCI device %s: %s", address->name, text);
	return rc;
}

/* The step that failed, with the kernel's word for it. */
static int fail_step(struct failure *why, int rc, const struct pci_address *address, const char *step)
{
	(void)failure_set(why, EXIT_NODE, "PCI device %s: %s: %s", address->name, step,
	                  rc == -ETIMEDOUT ? "the kernel does not answer; the node may have to be rebooted"
	                                   : strerror(-rc));
	return rc;
}

/* Write text to a file of sysfs; what is busy for a moment is asked again. */
static int vfio_write(const char *path, const char *text)
{
	int rc = -EAGAIN;

	for (unsigned int i = 0; i < RETRIES && (rc == -EAGAIN || rc == -EBUSY); i++) {
		if (i > 0)
			clock_nap(RETRY_MS);
		rc = bounded_write(path, text, WRITE_MS);
	}
	return rc;
}

static int vfio_write_attribute(const struct pci_address *address, const char *attribute, const char *text)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/devices/%s/%s", address->name, attribute);

	return rc == 0 ? vfio_write(path, text) : rc;
}

/* Wait until the device has this driver, "" for none. Returns 0, -ENODEV or -EIO. */
static int vfio_settle(const struct pci_address *address, const char *driver)
{
	uint64_t deadline = clock_steady() + SETTLE_MS;
	char is[PCI_NAME_SIZE];
	int rc;

	for (;;) {
		rc = pci_driver(address, is);
		if (rc < 0 || strcmp(is, driver) == 0)
			return rc;
		if (clock_steady() >= deadline)
			return -EIO;
		clock_nap(5);
	}
}

/*
 * `bind` or `unbind` of a driver, after which the device has the driver then.
 * Somebody may have done it meanwhile, as a former try of ours that was killed
 * in its last write.
 */
static int vfio_write_driver(const struct pci_address *address, const char *driver, const char *action,
                             const char *then)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/drivers/%s/%s", driver, action);
	int settled;

	if (rc == 0)
		rc = vfio_write(path, address->name);
	if (rc < 0 && rc != -ENODEV && rc != -EBUSY)
		return rc;
	settled = vfio_settle(address, then);
	return settled < 0 && rc < 0 ? rc : settled;
}

static int check_group(const struct pci_address *address, unsigned int group, struct failure *why)
{
	struct pci_address members[NAMED_MEMBERS + 1];
	char list[NAMED_MEMBERS * sizeof(members[0]) + 8] = "";
	int count = pci_group_members(group, members, NAMED_MEMBERS + 1);
	int shown = count > (int)NAMED_MEMBERS ? (int)NAMED_MEMBERS : count;
	size_t used = 0;

	if (count < 0)
		return fail_step(why, count, address, "its IOMMU group");
	if (count == 1 && pci_is(&members[0], address))
		return 0;
	for (int i = 0; i < shown; i++) {
		(void)str_print(list + used, sizeof(list) - used, "%s%s", used ? " " : "", members[i].name);
		used += strlen(list + used);
	}
	(void)failure_set(why, EXIT_NODE,
	                  "PCI device %s: its IOMMU group %u has other devices in it, which a machine would reach "
	                  "(%s%s): it needs a slot with ACS",
	                  address->name, group, list, count > shown ? " …" : "");
	return -EXDEV;
}

int vfio_check(const struct pci_address *address, unsigned int *group, struct failure *why)
{
	char override[PCI_NAME_SIZE];
	int rc = pci_override(address, override);

	if (rc == -ENODEV)
		return fail(why, rc, address, "there is no such device");
	if (rc < 0)
		return fail_step(why, rc, address, "driver_override");
	if (override[0] && strcmp(override, VFIO_DRIVER) != 0) {
		(void)failure_set(why, EXIT_NODE, "PCI device %s: somebody has set its driver_override to %s",
		                  address->name, override);
		return -EBUSY;
	}
	if (!pci_has_driver(VFIO_DRIVER))
		return fail(why, -ENOENT, address, "vfio-pci is not loaded (modprobe vfio-pci)");
	rc = pci_group(address, group);
	if (rc == -ENOENT)
		return fail(why, rc, address,
		            "it has no IOMMU group: the IOMMU is off (intel_iommu=on, or the firmware's set-up)");
	return rc < 0 ? fail_step(why, rc, address, "its IOMMU group") : check_group(address, *group, why);
}

/* From the driver that it has, "" for none, to vfio-pci. */
static int vfio_take(const struct pci_address *address, const char *driver, struct failure *why)
{
	char path[PATH_MAX];
	int rc = vfio_write_attribute(address, "driver_override", VFIO_DRIVER);

	if (rc < 0)
		return fail_step(why, rc, address, "driver_override");
	rc = driver[0] ? vfio_write_driver(address, driver, "unbind", "") : 0;
	if (rc < 0)
		return fail_step(why, rc, address, "its driver does not let go of it");
	rc = pci_path(path, "sys/bus/pci/drivers_probe");
	if (rc == 0)
		rc = vfio_write(path, address->name);
	if (rc == 0)
		rc = vfio_settle(address, VFIO_DRIVER);
	return rc < 0 ? fail_step(why, rc, address, "vfio-pci does not take it") : 0;
}

int vfio_bind(const struct pci_address *address, unsigned int *group, struct failure *why)
{
	char driver[PCI_NAME_SIZE];
	int rc = vfio_check(address, group, why);

	if (rc < 0)
		return rc;
	rc = pci_driver(address, driver);
	if (rc < 0)
		return fail_step(why, rc, address, "its driver");
	if (strcmp(driver, VFIO_DRIVER) != 0)
		rc = vfio_take(address, driver, why);
	if (rc == 0 && vfio_is_open(*group))
		rc = fail(why, -EBUSY, address, "another process has its VFIO group open");
	return rc;
}

/* From vfio-pci, or none, to the driver that it had. */
static int vfio_give_back(const struct pci_address *address, const char *is, const char *driver, struct failure *why)
{
	int rc = is[0] ? vfio_write_driver(address, is, "unbind", "") : 0;

	if (rc < 0)
		return fail_step(why, rc, address, "vfio-pci does not let go of it");
	rc = driver[0] ? vfio_write_driver(address, driver, "bind", driver) : 0;
	if (rc == -ENOENT && pci_exists(address)) {
		(void)failure_set(why, EXIT_NODE, "PCI device %s: its driver %s is no longer loaded", address->name,
		                  driver);
		return rc;
	}
	return rc < 0 ? fail_step(why, rc, address, "its driver does not take it back") : 0;
}

int vfio_restore(const struct pci_address *address, const char *driver, struct failure *why)
{
	char is[PCI_NAME_SIZE], override[PCI_NAME_SIZE];
	unsigned int group;
	int rc = pci_driver(address, is);

	if (rc == -ENODEV)
		return fail(why, rc, address, "it has vanished");
	if (rc == 0)
		rc = pci_override(address, override);
	if (rc < 0)
		return fail_step(why, rc, address, "its driver");
	if (strcmp(is, VFIO_DRIVER) == 0 && pci_group(address, &group) == 0 && vfio_is_open(group))
		return fail(why, -EBUSY, address, "a process has its VFIO group open still");
	if (strcmp(driver, VFIO_DRIVER) == 0 && strcmp(is, driver) == 0)
		return 0;
	if (strcmp(override, VFIO_DRIVER) == 0) {
		rc = vfio_write_attribute(address, "driver_override", "\n");
		if (rc < 0)
			return fail_step(why, rc, address, "driver_override");
	}
	if (strcmp(is, driver) == 0)
		return 0;
	if (is[0] && strcmp(is, VFIO_DRIVER) != 0) {
		(void)failure_set(why, EXIT_NODE, "PCI device %s: somebody has bound it to %s; it was %s's",
		                  address->name, is, driver[0] ? driver : "nobody");
		return -EIO;
	}
	return vfio_give_back(address, is, driver, why);
}

int vfio_reset(const struct pci_address *address, struct failure *why)
{
	int rc = pci_exists(address) ? 0 : -ENODEV;

	if (rc == 0 && !pci_has_reset(address))
		return fail(why, -ENOTTY, address, "it cannot be reset by itself");
	if (rc == 0)
		rc = vfio_write_attribute(address, "reset", "1");
	return rc < 0 ? fail_step(why, rc, address, "its reset") : 0;
}

static int open_group(const void *context)
{
	const unsigned int *group = context;
	char path[PATH_MAX];
	int rc = pci_path(path, "dev/vfio/%u", *group);

	/* the kernel lets one process have a group open at a time */
	return rc == 0 && open(path, O_RDWR | O_CLOEXEC) < 0 ? -errno : rc;
}

bool vfio_is_open(unsigned int group)
{
	int rc = bounded_run(open_group, &group, OPEN_MS);

	/* ENODEV: none of its devices is vfio-pci's any more */
	return rc < 0 && rc != -ENOENT && rc != -ENODEV && rc != -ENXIO;
}

int vfio_describe(struct kv *machine, unsigned int group)
{
	const char *groups = kv_get(machine, "vfio");
	unsigned int count = 0;

	for (const char *at = groups; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strtoul(at, NULL, 10) == group)
			return 0;
		count++;
	}
	if (count >= VFIO_GROUPS_MAX)
		return -E2BIG;
	return kv_setf(machine, "vfio", "%s%s%u", groups ? groups : "", groups ? "," : "", group);
}
