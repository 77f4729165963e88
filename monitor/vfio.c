/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/vfio.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/dev/vfio"
#define ALIAS "hostdev"
#define DRIVER "/vfio-pci"
#define LOOKS 25 /* at a device that the kernel was waiting for, */
#define LOOK_MS 20
#define OPTIONS "mode=0755,size=64k,nr_inodes=80"

static int find_node(const char *path, dev_t *number)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	*number = st.st_rdev;
	return S_ISCHR(st.st_mode) ? 0 : -ENODEV;
}

int vfio_find(const struct machine_devices *devices, struct vfio_nodes *nodes)
{
	char path[64];
	int rc = devices->group_count > 0 ? find_node(FOLDER "/vfio", &nodes->container) : 0;

	for (unsigned int i = 0; rc == 0 && i < devices->group_count; i++) {
		(void)snprintf(path, sizeof(path), FOLDER "/%u", devices->groups[i]);
		rc = find_node(path, &nodes->groups[i]);
	}
	return rc;
}

static int make_node(const struct machine *machine, const char *path, dev_t number)
{
	if (mknod(path, S_IFCHR | 0600, number) < 0 || lchown(path, machine->uid, machine->gid) < 0)
		return -errno;
	return chmod(path, 0600) < 0 ? -errno : 0;
}

int vfio_make(const struct machine *machine, const struct vfio_nodes *nodes)
{
	const struct machine_devices *devices = &machine->devices;
	char path[64];
	int rc;

	if (devices->group_count == 0)
		return 0;
	if (mkdir(FOLDER, 0755) < 0 || mount("tmpfs", FOLDER, "tmpfs", MS_NOSUID | MS_NOEXEC, OPTIONS) < 0)
		return -errno;
	rc = make_node(machine, FOLDER "/vfio", nodes->container);
	for (unsigned int i = 0; rc == 0 && i < devices->group_count; i++) {
		(void)snprintf(path, sizeof(path), FOLDER "/%u", devices->groups[i]);
		rc = make_node(machine, path, nodes->groups[i]);
	}
	if (rc == 0 && mount(NULL, FOLDER, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) < 0)
		rc = -errno;
	return rc;
}

const char *vfio_device(const struct machine *machine, const char *alias, const char **network)
{
	unsigned long number;
	char *end;

	if (strncmp(alias, ALIAS, sizeof(ALIAS) - 1) != 0 || !alias[sizeof(ALIAS) - 1])
		return NULL;
	number = strtoul(alias + sizeof(ALIAS) - 1, &end, 10);
	if (*end)
		return NULL;
	for (unsigned int i = 0; i < machine->network_count; i++) {
		if (machine->networks[i].kind != MACHINE_SRIOV)
			continue;
		*network = machine->networks[i].name;
		if (number-- == 0)
			return machine->networks[i].pci;
	}
	*network = NULL;
	return number < machine->devices.count ? machine->devices.pci[number] : NULL;
}

bool vfio_is_bound(const char *devices, const char *pci)
{
	const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
	char path[PATH_MAX], driver[PATH_MAX];
	bool bound = true;

	(void)snprintf(path, sizeof(path), "%s/%s/driver", devices, pci);
	for (int looks = 0; bound && looks < LOOKS; looks++) {
		ssize_t length = readlink(path, driver, sizeof(driver) - 1);

		driver[length > 0 ? length : 0] = 0;
		bound = length >= (ssize_t)sizeof(DRIVER) - 1 &&
		        strcmp(driver + length - (sizeof(DRIVER) - 1), DRIVER) == 0;
		if (bound)
			(void)nanosleep(&moment, NULL);
	}
	return bound;
}

void vfio_hide(const struct machine *machine)
{
	if (machine->devices.group_count > 0)
		(void)umount2(FOLDER, MNT_DETACH);
}
