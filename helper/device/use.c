/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the host uses a PCI device: its driver would let go of it all the same, under a mounted file system, too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/str.h"
#include "helper/device/device.h"
#include "helper/fs.h"
#include "helper/vfio.h"

#define CLASS_NETWORK 0x02U
#define NODES_MAX 256U /* of one device, in /dev */
#define DEPTH_MAX 12
#define LOOK_MS 5000U

/* A node in /dev that is the device's. */
struct node {
	mode_t type; /* S_IFBLK or S_IFCHR */
	dev_t number;
};

struct use {
	const struct pci_address *address;
	struct device_claims *claims;
	struct node nodes[NODES_MAX];
	size_t node_count;
	uint64_t deadline;
	char *why; /* [DEVICE_USED_WHY] */
	bool is_used;
};

static void __attribute__((format(printf, 2, 3))) used(struct use *use, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(use->why, DEVICE_USED_WHY, format, arguments);
	va_end(arguments);
	use->is_used = true;
}

/* Call each for the names in the folder below the root, until the device is found to be used. */
static void each_name(struct use *use, const char *path, void (*each)(struct use *use, const char *name))
{
	char whole[PATH_MAX];
	DIR *folder = pci_path(whole, "%s", path) == 0 ? opendir(whole) : NULL;
	const struct dirent *entry;

	while (folder && !use->is_used && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			each(use, entry->d_name);
	if (folder)
		(void)closedir(folder);
}

/* A bridge, bond, VLAN or macvlan on the netdev, whether it is up or not. */
static void look_at_netdev_link(struct use *use, const char *name)
{
	if (strncmp(name, "upper_", 6) == 0)
		used(use, "its netdev is below %.32s", name + 6);
}

static void look_at_netdev(struct use *use, const char *name)
{
	char path[PATH_MAX], flags[32];

	if (pci_path(path, "sys/class/net/%s/flags", name) < 0 || fs_read(AT_FDCWD, path, flags, sizeof(flags)) < 0 ||
	    (strtoul(flags, NULL, 0) & IFF_UP))
		used(use, "its netdev %.32s is up", name);
	(void)snprintf(path, sizeof(path), "sys/class/net/%.32s", name);
	if (!use->is_used)
		each_name(use, path, look_at_netdev_link);
}

static void look_at_netdevs(struct use *use, const char *driver)
{
	uint32_t vendor = 0, device = 0, class = 0;
	char path[PATH_MAX], netdev[PCI_NAME_SIZE];

	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/net", use->address->name);
	each_name(use, path, look_at_netdev);
	if (use->is_used || pci_netdev(use->address, netdev) < 0 || netdev[0])
		return;
	if (pci_identify(use->address, &vendor, &device, &class) < 0 || class >> 16 == CLASS_NETWORK)
		used(use, "its driver %s has no netdev here: a container or a program has it", driver);
}

static void add_node(struct use *use, mode_t type, const char *text)
{
	unsigned int major, minor;

	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return;
	if (use->node_count == NODES_MAX)
		used(use, "it has more than %u nodes in /dev", NODES_MAX);
	else
		use->nodes[use->node_count++] = (struct node){type, makedev(major, minor)};
}

/* Whether what the link leads to lies below the device. */
static bool leads_to_device(const struct use *use, const char *link, char *target)
{
	char path[PATH_MAX], between[32];
	ssize_t length = pci_path(path, "%s", link) == 0 ? readlink(path, target, PATH_MAX - 1) : -1;

	target[length < 0 ? 0 : length] = 0;
	(void)snprintf(between, sizeof(between), "/%s/", use->address->name);
	return strstr(target, between) != NULL;
}

/* A disk of an NVMe subsystem is no controller's: the subsystem's folder has links to these. */
static bool is_controllers(const struct use *use, const char *subsystem)
{
	char path[PATH_MAX], link[PATH_MAX], target[PATH_MAX];
	DIR *folder;
	const struct dirent *entry;
	bool found = false;

	if (pci_path(path, "sys/class/nvme-subsystem/%s", subsystem) < 0)
		return false;
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		(void)snprintf(link, sizeof(link), "sys/class/nvme-subsystem/%.64s/%.64s", subsystem, entry->d_name);
		found = entry->d_name[0] != '.' && leads_to_device(use, link, target);
	}
	if (folder)
		(void)closedir(folder);
	return found;
}

static bool is_devices_disk(const struct use *use, const char *name)
{
	static const char between[] = "/nvme-subsystem/";
	char link[PATH_MAX], target[PATH_MAX];
	char *subsystem;

	(void)snprintf(link, sizeof(link), "sys/class/block/%.64s", name);
	if (leads_to_device(use, link, target))
		return true;
	subsystem = strstr(target, between);
	if (!subsystem)
		return false;
	subsystem += sizeof(between) - 1;
	subsystem[strcspn(subsystem, "/")] = 0;
	return is_controllers(use, subsystem);
}

/* Keep the disk: nothing can mount it, or take it for LVM or md, until it has another driver. */
static void claim_disk(struct use *use, const char *name)
{
	struct device_claims *claims = use->claims;
	char path[PATH_MAX];
	int fd = pci_path(path, "dev/%s", name) == 0
	                 ? open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
	                 : -1;

	if (fd < 0 && errno == EBUSY)
		used(use, "its disk %.32s is mounted, swap, or of LVM or md", name);
	else if (fd >= 0 && claims->count == DEVICE_DISKS_MAX) {
		close(fd);
		used(use, "it has more than %u disks", DEVICE_DISKS_MAX);
	} else if (fd >= 0)
		claims->fds[claims->count++] = fd;
}

static void look_at_disk(struct use *use, const char *name)
{
	char path[PATH_MAX], number[32];

	if (!is_devices_disk(use, name))
		return;
	if (pci_path(path, "sys/class/block/%s/dev", name) == 0 && fs_read(AT_FDCWD, path, number, sizeof(number)) > 0)
		add_node(use, S_IFBLK, number);
	/* a claim of the whole disk is one of its partitions, too */
	if (!use->is_used && pci_path(path, "sys/class/block/%s/partition", name) == 0 && access(path, F_OK) < 0)
		claim_disk(use, name);
}

/* Whether the file `dev` is a disk's: those have been looked at. */
static bool is_disks(const char *path)
{
	char link[PATH_MAX], target[PATH_MAX];
	ssize_t length = str_print(link, sizeof(link), "%.*ssubsystem", (int)(strrchr(path, '/') + 1 - path), path) == 0
	                         ? readlink(link, target, sizeof(target) - 1)
	                         : -1;

	target[length < 0 ? 0 : length] = 0;
	return length > 6 && strcmp(target + length - 6, "/block") == 0;
}

/* The device's nodes in /dev that are no disks: below it, the folders with a file `dev`. */
static void find_nodes(struct use *use)
{
	char path[PATH_MAX], number[32];
	char *const roots[] = {path, NULL};
	FTS *tree;
	FTSENT *entry;

	if (pci_path(path, "sys/bus/pci/devices/%s/", use->address->name) < 0)
		return;
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	while (tree && !use->is_used && (entry = fts_read(tree))) {
		if (entry->fts_level > DEPTH_MAX)
			(void)fts_set(tree, entry, FTS_SKIP);
		if (strcmp(entry->fts_name, "dev") == 0 && !is_disks(entry->fts_path) &&
		    fs_read(AT_FDCWD, entry->fts_path, number, sizeof(number)) > 0)
			add_node(use, S_IFCHR, number);
		if (clock_steady() >= use->deadline)
			used(use, "it has too much in sysfs to be looked at in %u s", LOOK_MS / 1000U);
	}
	if (tree)
		(void)fts_close(tree);
}

static bool is_node(const struct use *use, int dirfd, const char *name)
{
	struct statx stx;

	/* no file server is asked */
	if (statx(dirfd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) < 0)
		return false;
	for (size_t i = 0; i < use->node_count; i++)
		if ((stx.stx_mode & S_IFMT) == use->nodes[i].type &&
		    makedev(stx.stx_rdev_major, stx.stx_rdev_minor) == use->nodes[i].number)
			return true;
	return false;
}

static void look_at_process(struct use *use, const char *name)
{
	char path[64];
	int fd = -1;
	DIR *folder;
	const struct dirent *entry;

	if (strspn(name, "0123456789") != strlen(name) || atoi(name) == getpid())
		return;
	if (str_print(path, sizeof(path), "/proc/%.20s/fd", name) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder = fd < 0 ? NULL : fdopendir(fd);
	while (folder && !use->is_used && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && is_node(use, fd, entry->d_name))
			used(use, "process %.20s has it open", name);
	if (folder)
		(void)closedir(folder);
	else if (fd >= 0)
		close(fd);
	if (!use->is_used && clock_steady() >= use->deadline)
		used(use, "who has it open cannot be seen in %u s", LOOK_MS / 1000U);
}

static void look_at_processes(struct use *use)
{
	DIR *proc = use->node_count > 0 ? opendir("/proc") : NULL;
	const struct dirent *entry;

	while (proc && !use->is_used && (entry = readdir(proc)))
		look_at_process(use, entry->d_name);
	if (proc)
		(void)closedir(proc);
}

bool device_is_used(const struct pci_address *address, struct device_claims *claims, char *why)
{
	static struct use use;
	char driver[PCI_NAME_SIZE];

	use = (struct use){.address = address, .claims = claims, .deadline = clock_steady() + LOOK_MS, .why = why};
	*claims = (struct device_claims){.count = 0};
	if (pci_driver(address, driver) < 0)
		used(&use, "it has just gone");
	/* vfio_bind() sees whether a VFIO group is open */
	else if (!driver[0] || strcmp(driver, VFIO_DRIVER) == 0)
		return false;
	if (!use.is_used)
		look_at_netdevs(&use, driver);
	if (!use.is_used)
		each_name(&use, "sys/class/block", look_at_disk);
	if (!use.is_used)
		find_nodes(&use);
	if (!use.is_used)
		look_at_processes(&use);
	if (use.is_used)
		device_unclaim(claims);
	return use.is_used;
}

void device_unclaim(struct device_claims *claims)
{
	while (claims->count > 0)
		close(claims->fds[--claims->count]);
}
