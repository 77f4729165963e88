/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/str.h"

/* linux/miscdevice.h is not for programs */
#define MISC_MAJOR 10U
#define TUN_MINOR 200U
#define VHOST_NET_MINOR 238U

static int make_node(const char *path, unsigned int major, unsigned int minor)
{
	if (mknod(path, S_IFCHR | 0600, makedev(major, minor)) < 0)
		return errno == EEXIST ? 0 : -errno;
	return 0;
}

/* The character device of a macvtap, which has a number of its own and a name by the netdev's index. */
static int make_macvtap(const char *netdev)
{
	unsigned int index = if_nametoindex(netdev), major, minor;
	char path[128];
	FILE *stream;
	int read;

	if (index == 0)
		return -errno;
	(void)str_print(path, sizeof(path), "/sys/class/net/%s/tap%u/dev", netdev, index);
	stream = fopen(path, "re");
	if (!stream)
		return -errno;
	read = fscanf(stream, "%u:%u", &major, &minor);
	(void)fclose(stream);
	(void)str_print(path, sizeof(path), "/dev/tap%u", index);
	return read == 2 ? make_node(path, major, minor) : -EPROTO;
}

static int make_tun(void)
{
	if (mkdir("/dev/net", 0700) < 0 && errno != EEXIST)
		return -errno;
	return make_node("/dev/net/tun", MISC_MAJOR, TUN_MINOR);
}

int network_make_devices(const struct machine *machine, bool vhost)
{
	bool taps = false;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < machine->network_count; i++) {
		const struct machine_network *network = &machine->networks[i];

		if (network->kind == MACHINE_BRIDGE)
			rc = make_tun();
		else if (network->kind == MACHINE_MACVTAP)
			rc = make_macvtap(network->target);
		taps |= network->kind == MACHINE_BRIDGE || network->kind == MACHINE_MACVTAP;
	}
	return rc == 0 && taps && vhost ? make_node("/dev/vhost-net", MISC_MAJOR, VHOST_NET_MINOR) : rc;
}
