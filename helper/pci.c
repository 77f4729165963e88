/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "helper/bounded.h"
#include "helper/fs.h"

#define LOCKED_MS 5000U

static const char *pci_root = "";

void pci_set_root(const char *root)
{
	pci_root = root;
}

int pci_path(char *path, const char *format, ...)
{
	va_list arguments;
	int used = snprintf(path, PATH_MAX, "%s/", pci_root);
	int n;

	va_start(arguments, format);
	n = used < PATH_MAX ? vsnprintf(path + used, PATH_MAX - (size_t)used, format, arguments) : -1;
	va_end(arguments);
	return n < 0 || n >= PATH_MAX - used ? -ENAMETOOLONG : 0;
}

bool pci_exists(const struct pci_address *address)
{
	char path[PATH_MAX];

	return pci_path(path, "sys/bus/pci/devices/%s", address->name) == 0 && access(path, F_OK) == 0;
}

/* What a missing attribute says: that it is not there, or that the device is not. */
static int pci_missing(const struct pci_address *address, int rc)
{
	return rc == -ENOENT && !pci_exists(address) ? -ENODEV : rc;
}

int pci_read(const struct pci_address *address, const char *attribute, char *value, size_t size)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/devices/%s/%s", address->name, attribute);

	if (rc == 0)
		rc = (int)fs_read(AT_FDCWD, path, value, size);
	if (rc < 0)
		return pci_missing(address, rc);
	value[strcspn(value, "\n")] = 0;
	return 0;
}

static int pci_read_hex(const struct pci_address *address, const char *attribute, uint32_t *number)
{
	char text[32], *end;
	int rc = pci_read(address, attribute, text, sizeof(text));
	unsigned long value;

	if (rc < 0)
		return rc;
	value = strtoul(text, &end, 16);
	if (end == text || *end || value > UINT32_MAX)
		return -EINVAL;
	*number = (uint32_t)value;
	return 0;
}

int pci_identify(const struct pci_address *address, uint32_t *vendor, uint32_t *device, uint32_t *class)
{
	int rc = pci_read_hex(address, "vendor", vendor);

	if (rc == 0)
		rc = pci_read_hex(address, "device", device);
	return rc == 0 ? pci_read_hex(address, "class", class) : rc;
}

/* The last part of what a link of the device's leads to. */
static int pci_link(const struct pci_address *address, const char *link, char *last, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/devices/%s/%s", address->name, link);
	ssize_t length = rc < 0 ? -1 : readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (length < 0)
		return pci_missing(address, rc < 0 ? rc : -errno);
	target[length] = 0;
	slash = strrchr(target, '/');
	return str_print(last, size, "%s", slash ? slash + 1 : target);
}

int pci_driver(const struct pci_address *address, char *driver)
{
	int rc = pci_link(address, "driver", driver, PCI_NAME_SIZE);

	if (rc == -ENOENT) {
		driver[0] = 0;
		return 0;
	}
	return rc;
}

int pci_override(const struct pci_address *address, char *driver)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/devices/%s/driver_override", address->name);

	/* the kernel reads it under the device's lock, which a driver may keep */
	if (rc == 0)
		rc = bounded_read(path, driver, PCI_NAME_SIZE, LOCKED_MS);
	if (rc < 0)
		return pci_missing(address, rc);
	driver[strcspn(driver, "\n")] = 0;
	if (strcmp(driver, "(null)") == 0)
		driver[0] = 0;
	return 0;
}

int pci_numa_node(const struct pci_address *address)
{
	char text[32];
	uint64_t node;

	if (pci_read(address, "numa_node", text, sizeof(text)) < 0 || str_u64(text, 0, 4095, &node) < 0)
		return -1;
	return (int)node;
}

int pci_group(const struct pci_address *address, unsigned int *group)
{
	char last[32];
	uint64_t number = 0;
	int rc = pci_link(address, "iommu_group", last, sizeof(last));

	if (rc == 0)
		rc = str_u64(last, 0, UINT32_MAX, &number);
	if (rc < 0)
		return rc;
	*group = (unsigned int)number;
	return 0;
}

static int pci_compare(const void *one, const void *other)
{
	return strcmp(((const struct pci_address *)one)->name, ((const struct pci_address *)other)->name);
}

int pci_group_members(unsigned int group, struct pci_address *members, size_t max)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/kernel/iommu_groups/%u/devices", group);
	DIR *folder = rc < 0 ? NULL : opendir(path);
	const struct dirent *entry;
	int count = 0;

	if (!folder)
		return rc < 0 ? rc : -errno;
	while ((entry = readdir(folder))) {
		/* one that is no PCI device counts, too, under what fits of its name */
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)count < max)
			(void)snprintf(members[count].name, sizeof(members[count].name), "%.12s", entry->d_name);
		count++;
	}
	(void)closedir(folder);
	qsort(members, (size_t)count < max ? (size_t)count : max, sizeof(members[0]), pci_compare);
	return count;
}

bool pci_has_reset(const struct pci_address *address)
{
	char path[PATH_MAX];

	return pci_path(path, "sys/bus/pci/devices/%s/reset", address->name) == 0 && access(path, F_OK) == 0;
}

/* Where the device's link leads to, as an address. */
static int pci_link_address(const struct pci_address *address, const char *link, struct pci_address *to)
{
	char last[PATH_MAX];
	int rc = pci_link(address, link, last, sizeof(last));

	return rc == 0 ? pci_parse(last, to) : rc;
}

int pci_vf(const struct pci_address *pf, unsigned int index, struct pci_address *vf)
{
	struct pci_address back;
	char link[32];
	int rc;

	(void)snprintf(link, sizeof(link), "virtfn%u", index);
	rc = pci_link_address(pf, link, vf);
	if (rc < 0)
		return rc;
	return pci_link_address(vf, "physfn", &back) == 0 && pci_is(&back, pf) ? 0 : -ESTALE;
}

int pci_netdev(const struct pci_address *address, char *netdev)
{
	char path[PATH_MAX];
	int rc = pci_path(path, "sys/bus/pci/devices/%s/net", address->name);
	DIR *folder = rc < 0 ? NULL : opendir(path);
	const struct dirent *entry;

	netdev[0] = 0;
	if (!folder) {
		rc = pci_missing(address, rc < 0 ? rc : -errno);
		return rc == -ENOENT ? 0 : rc;
	}
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && (!netdev[0] || strcmp(entry->d_name, netdev) < 0))
			(void)str_print(netdev, PCI_NAME_SIZE, "%s", entry->d_name);
	(void)closedir(folder);
	return 0;
}

int pci_of_netdev(const char *netdev, struct pci_address *address)
{
	char path[PATH_MAX], target[PATH_MAX];
	int rc = pci_path(path, "sys/class/net/%s/device", netdev);
	bool plain = netdev[0] != '.' && !strchr(netdev, '/');
	ssize_t length = rc < 0 || !plain ? -1 : readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (length >= 0) {
		target[length] = 0;
		slash = strrchr(target, '/');
		return pci_parse(slash ? slash + 1 : target, address) == 0 && pci_exists(address) ? 0 : -EINVAL;
	}
	rc = pci_path(path, "sys/class/net/%s", netdev);
	return rc == 0 && plain && access(path, F_OK) == 0 ? -EINVAL : -ENOENT;
}

bool pci_has_driver(const char *driver)
{
	char path[PATH_MAX];

	return pci_path(path, "sys/bus/pci/drivers/%s", driver) == 0 && access(path, F_OK) == 0;
}
