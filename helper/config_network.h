/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [network NAME] of wnodes.conf: what machines may be connected to. */
#ifndef WNODES_HELPER_CONFIG_NETWORK_H
#define WNODES_HELPER_CONFIG_NETWORK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper/failure.h"
#include "helper/ini_file.h"

#define CONFIG_NETWORKS 32U
#define CONFIG_NETWORK_LIST 4096U /* bytes of a list of names */
#define CONFIG_NETWORK_PFS 16U
#define CONFIG_NETWORK_VLANS 64U /* of accounts, and of groups */
#define CONFIG_NETWORK_DNS 3U    /* what resolv.conf takes */
#define CONFIG_NETWORK_KEYS 25U
#define CONFIG_VLAN_MAX 4094U
#define CONFIG_VLAN_UNSAID UINT16_MAX

/* Which NUMA node a device is on: the job's or there is no machine, the job's first, or any. */
enum network_numa { NETWORK_NUMA_PREFER, NETWORK_NUMA_STRICT, NETWORK_NUMA_IGNORE };

enum network_address { NETWORK_ADDRESS_DHCP, NETWORK_ADDRESS_NONE, NETWORK_ADDRESS_POOL };

struct network_vlan {
	char name[65];
	uint16_t vlan;
};

/*
 * What a section says, or its defaults. Words that kernel, QEMU or libvirt
 * know are kept as they are; MAC addresses are numbers of 48 bits, IPv4
 * addresses of 32, in the host's order. Flat: nothing to free.
 */
struct config_network {
	char name[65];
	char type[16]; /* a kind of helper/network/ */

	char users[CONFIG_NETWORK_LIST], groups[CONFIG_NETWORK_LIST]; /* "" allows everybody */
	char accounts[CONFIG_NETWORK_LIST], partitions[CONFIG_NETWORK_LIST];

	uint64_t mac_first, mac_last; /* of mac_pool; 0: a MAC is derived */
	enum network_address address;
	uint32_t address_first, address_last; /* of addresses */
	unsigned int prefix;                  /* bits of addresses' network */
	uint32_t gateway;                     /* 0: none */
	uint32_t dns[CONFIG_NETWORK_DNS];
	unsigned int dns_count;
	uint32_t mtu;          /* 0: the guest's own */
	bool wait;             /* for the guest's network, before the first task */
	uint32_t wait_timeout; /* seconds */

	char pfs[CONFIG_NETWORK_PFS][IFNAMSIZ]; /* names of netdevs, or PCI addresses */
	unsigned int pf_count;
	uint16_t vlan; /* CONFIG_VLAN_UNSAID; 0: none, said so */
	struct network_vlan account_vlans[CONFIG_NETWORK_VLANS], group_vlans[CONFIG_NETWORK_VLANS];
	unsigned int account_vlan_count, group_vlan_count;
	bool spoofchk, trust;
	uint32_t max_tx_rate; /* Mbit/s; 0: no limit */
	enum network_numa numa;

	char bridge[IFNAMSIZ];
	char device[IFNAMSIZ], mode[16]; /* macvtap's: bridge, vepa, private or passthru */
	char backend[16];                /* auto, passt or slirp */

	int line;                       /* the section's; 0: it is there without one */
	int lines[CONFIG_NETWORK_KEYS]; /* where each key was given; 0: not */
};

/** Set the defaults of a network of that name and type, which are short enough. */
void config_network_default(struct config_network *network, const char *name, const char *type);

/** Begin the section of network name. NULL, or what is wrong with it. */
const char *config_network_begin(struct config_network *network, struct ini_file *file, const char *name);

/** Take a key's value; NULL, or what is wrong with it. */
const char *config_network_take(struct config_network *network, struct ini_file *file, const char *key,
                                const char *value);

/**
 * What the section is as a whole, when the file called name has been read:
 * each kind has keys of its own, and some it must have. Returns 0 or -EIO with
 * why (EXIT_NODE).
 */
int config_network_check(const struct config_network *network, const char *name, struct failure *why);

#endif
