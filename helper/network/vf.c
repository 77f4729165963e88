/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/fs.h"
#include "helper/vfio.h"

/* A number of the netdev's folder in sysfs, in C's notation; -1. */
static long netdev_number(const char *netdev, const char *attribute)
{
	char path[PATH_MAX], text[32];

	if (pci_path(path, "sys/class/net/%s/%s", netdev, attribute) < 0 ||
	    fs_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return -1;
	return strtol(text, NULL, 0);
}

static bool netdev_is_up(const char *netdev)
{
	long flags = netdev_number(netdev, "flags");

	return flags >= 0 && (flags & IFF_UP) != 0;
}

static int find_address(const char *name, struct vf_pf *pf, struct failure *why)
{
	int rc;

	if (pci_parse(name, &pf->pci) == 0) {
		rc = pci_netdev(&pf->pci, pf->netdev);
		if (rc < 0)
			return failure_set(why, EXIT_NODE, "the adapter %s is not there", name);
		return 0;
	}
	rc = str_print(pf->netdev, sizeof(pf->netdev), "%s", name);
	if (rc == 0)
		rc = pci_of_netdev(name, &pf->pci);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the adapter %s is %s", name,
		                   rc == -ENOENT ? "not there" : "no PCI device");
	return 0;
}

int vf_pf_find(const char *name, struct vf_pf *pf, struct failure *why)
{
	char driver[PCI_NAME_SIZE];

	*pf = (struct vf_pf){0};
	if (find_address(name, pf, why) < 0)
		return -ENODEV;
	if (pci_driver(&pf->pci, driver) < 0 || !driver[0])
		(void)failure_set(why, EXIT_NODE, "the adapter %s has no driver", name);
	else if (!pf->netdev[0])
		(void)failure_set(why, EXIT_NODE, "the adapter %s, driven by %s, has no netdev here", name, driver);
	else
		pf->ifindex = (int)netdev_number(pf->netdev, "ifindex");
	if (pf->ifindex < 0)
		(void)failure_set(why, EXIT_NODE, "the adapter %s has just gone", name);
	return pf->ifindex > 0 ? 0 : -ENODEV;
}

bool vf_pf_is_up(const struct vf_pf *pf)
{
	return netdev_is_up(pf->netdev);
}

int vf_find(const struct pci_address *pf, unsigned int index, struct vf *vf)
{
	*vf = (struct vf){.pf = *pf, .index = index};
	return index < VF_MAX ? pci_vf(pf, index, &vf->pci) : -ENOENT;
}

/* The host's NUMA node, where it has but one. */
static int only_node(void)
{
	char path[PATH_MAX], text[64];
	uint64_t node;

	if (pci_path(path, "sys/devices/system/node/online") < 0 || fs_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return VF_NODE_UNKNOWN;
	text[strcspn(text, "\n")] = 0;
	return str_u64(text, 0, 4095, &node) == 0 ? (int)node : VF_NODE_UNKNOWN;
}

int vf_numa_node(const struct vf *vf)
{
	int node = pci_numa_node(&vf->pci);

	if (node < 0)
		node = pci_numa_node(&vf->pf);
	return node >= 0 ? node : only_node();
}

/* A bridge, bond, VLAN or macvlan on it, whether it is up or not. */
static bool netdev_is_part(const char *netdev, char *of, size_t size)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	DIR *folder = pci_path(path, "sys/class/net/%s", netdev) == 0 ? opendir(path) : NULL;

	while (folder && !found && (entry = readdir(folder)) != NULL) {
		found = strncmp(entry->d_name, "upper_", 6) == 0;
		if (found)
			(void)str_print(of, size, "%s", entry->d_name + 6);
	}
	if (folder)
		closedir(folder);
	return found;
}

static bool is_addressed(const struct vf_addressed *addressed, const char *netdev)
{
	long ifindex = netdev_number(netdev, "ifindex");

	for (unsigned int i = 0; i < addressed->count; i++)
		if (addressed->ifindex[i] == ifindex)
			return true;
	return false;
}

/* Whether the host uses the VF through its own driver, or somebody else does. */
static bool is_used(const struct vf *vf, const struct vf_addressed *addressed, char *why)
{
	char driver[PCI_NAME_SIZE] = "", netdev[PCI_NAME_SIZE] = "", of[PCI_NAME_SIZE] = "";
	int rc = pci_driver(&vf->pci, driver);

	if (rc == 0 && !driver[0])
		return false;
	if (rc == 0)
		rc = pci_netdev(&vf->pci, netdev);
	if (rc < 0)
		(void)str_print(why, VF_WHY_MAX, "it has just gone");
	else if (strcmp(driver, VFIO_DRIVER) == 0)
		(void)str_print(why, VF_WHY_MAX, "it is bound to " VFIO_DRIVER ", and by no job");
	else if (!netdev[0])
		(void)str_print(why, VF_WHY_MAX, "its driver %s has no netdev here: a container or a program has it",
		                driver);
	else if (netdev_is_up(netdev))
		(void)str_print(why, VF_WHY_MAX, "the host uses it: its netdev %s is up", netdev);
	else if (is_addressed(addressed, netdev))
		(void)str_print(why, VF_WHY_MAX, "the host uses it: its netdev %s has an address", netdev);
	else if (netdev_is_part(netdev, of, sizeof(of)))
		(void)str_print(why, VF_WHY_MAX, "the host uses it: its netdev %s is below %s", netdev, of);
	else
		return false;
	return true;
}

bool vf_is_free(const struct vf *vf, const struct vf_addressed *addressed, char *why)
{
	struct failure found = {0};
	unsigned int group;

	if (is_used(vf, addressed, why))
		return false;
	if (vfio_check(&vf->pci, &group, &found) < 0) {
		(void)str_print(why, VF_WHY_MAX, "%.*s", (int)VF_WHY_MAX - 1, found.message);
		return false;
	}
	if (vfio_is_open(group)) {
		(void)str_print(why, VF_WHY_MAX, "a process has /dev/vfio/%u open", group);
		return false;
	}
	return true;
}

bool vf_is_open(const struct vf *vf)
{
	char driver[PCI_NAME_SIZE];
	unsigned int group;

	return pci_driver(&vf->pci, driver) == 0 && strcmp(driver, VFIO_DRIVER) == 0 &&
	       pci_group(&vf->pci, &group) == 0 && vfio_is_open(group);
}
