/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_network.h"

#include <limits.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "common/network_option.h"
#include "common/str.h"
#include "helper/ipv4.h"
#include "helper/list.h"
#include "helper/pci.h"

#define MTU_MIN 576U
#define MTU_MAX 65535U
#define RATE_MAX 1000000U /* Mbit/s */
#define WAIT_MAX 3600U
#define POOL_MAX (UINT64_C(1) << 24) /* addresses in a pool */

enum type { SRIOV = 1, BRIDGE = 2, MACVTAP = 4, USER = 8, NONE = 16 };

#define LAN (SRIOV | BRIDGE | MACVTAP) /* the guest is seen by others */
#define NIC (LAN | USER)

static const struct {
	const char *name;
	enum type type;
} types[] = {{"sriov", SRIOV}, {"bridge", BRIDGE}, {"macvtap", MACVTAP}, {"user", USER}, {"none", NONE}};

struct key {
	const char *name;
	unsigned int types; /* which have it */
	const char *(*take)(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
	                    const char *value);
	size_t offset;
	uint64_t min, max; /* of numbers */
	const char *words; /* of choices, as "bridge, vepa or private" */
};

static const char *take_type(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                             const char *value)
{
	(void)key;
	(void)field;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, value) == 0)
			(void)str_print(network->type, sizeof(network->type), "%s", value);
	if (!network->type[0])
		return ini_file_error(file, "type: '%.64s' is not sriov, bridge, macvtap, user or none", value);
	if (strcmp(network->name, NETWORK_NONE) == 0 && strcmp(value, NETWORK_NONE) != 0)
		return "the network called none can only be of type none";
	return NULL;
}

static const char *take_list(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                             const char *value)
{
	(void)network;
	if (!list_is_valid(value) || str_print(field, CONFIG_NETWORK_LIST, "%s", value) < 0)
		return ini_file_error(file, "%s is a list of names separated by commas", key->name);
	return NULL;
}

static const char *take_word(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                             const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	(void)network;
	if (!error)
		(void)str_print(field, sizeof(network->mode), "%s", value);
	return error;
}

/* The words begin with what is true. */
static const char *take_answer(const struct key *key, struct ini_file *file, struct config_network *network,
                               void *field, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	(void)network;
	*(bool *)field = !error && number == 0;
	return error;
}

static const char *take_numa(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                             const char *value)
{
	static const enum network_numa numas[] = {NETWORK_NUMA_STRICT, NETWORK_NUMA_PREFER, NETWORK_NUMA_IGNORE};
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	(void)field;
	network->numa = numas[number];
	return error;
}

/* 32 bits. */
static const char *take_number(const struct key *key, struct ini_file *file, struct config_network *network,
                               void *field, const char *value)
{
	uint64_t number = 0;

	(void)network;
	if (str_u64(value, key->min, key->max, &number) < 0)
		return ini_file_error(file, "%s: '%.64s' is not a number from %llu to %llu", key->name, value,
		                      (unsigned long long)key->min, (unsigned long long)key->max);
	*(uint32_t *)field = (uint32_t)number;
	return NULL;
}

static const char *take_vlan(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                             const char *value)
{
	uint32_t number = 0;
	const char *error = take_number(key, file, network, &number, value);

	if (!error)
		*(uint16_t *)field = (uint16_t)number;
	return error;
}

static const char *take_mac_pool(const struct key *key, struct ini_file *file, struct config_network *network,
                                 void *field, const char *value)
{
	const char *dash = strchr(value, '-');
	char first[MAC_TEXT + 1];

	(void)field;
	if (!dash || str_print(first, sizeof(first), "%.*s", (int)strcspn(value, " -"), value) < 0 ||
	    mac_parse(first, &network->mac_first) < 0 ||
	    mac_parse(dash + 1 + strspn(dash + 1, " "), &network->mac_last) < 0)
		return ini_file_error(file,
		                      "%s is MAC-MAC, the first and the last, as 02:00:00:00:10:00-02:00:00:00:10:ff",
		                      key->name);
	if (!mac_is_unicast(network->mac_first) || !mac_is_unicast(network->mac_last) ||
	    network->mac_first >> 40 != network->mac_last >> 40)
		return ini_file_error(file, "%s: these are not addresses that a NIC may have", key->name);
	if (network->mac_first > network->mac_last || network->mac_last - network->mac_first >= POOL_MAX)
		return ini_file_error(file, "%s: the first is after the last, or they are more than %llu", key->name,
		                      (unsigned long long)POOL_MAX);
	return NULL;
}

static const char *take_address(const struct key *key, struct ini_file *file, struct config_network *network,
                                void *field, const char *value)
{
	(void)network;
	if (ipv4_parse(value, field) < 0)
		return ini_file_error(file, "%s: '%.64s' is not an IPv4 address", key->name, value);
	return NULL;
}

/* FIRST-LAST/BITS, without the network's own two addresses. */
static const char *take_addresses(const struct key *key, struct ini_file *file, struct config_network *network,
                                  void *field, const char *value)
{
	const char *dash = strchr(value, '-');
	char first[IPV4_TEXT];
	uint32_t host;

	(void)field;
	if (!dash || str_print(first, sizeof(first), "%.*s", (int)(dash - value), value) < 0 ||
	    ipv4_parse(first, &network->address_first) < 0 ||
	    ipv4_parse_bits(dash + 1, &network->address_last, &network->prefix) < 0)
		return ini_file_error(file, "%s is ADDRESS-ADDRESS/BITS, as 10.1.2.10-10.1.2.99/24", key->name);
	host = UINT32_MAX >> network->prefix;
	network->address = NETWORK_ADDRESS_POOL;
	if (network->address_first > network->address_last ||
	    (network->address_first & ~host) != (network->address_last & ~host) ||
	    network->address_last - network->address_first >= POOL_MAX)
		return ini_file_error(file, "%s: these are not a range of one network of %u bits", key->name,
		                      network->prefix);
	if (network->prefix < 31 && ((network->address_first & host) == 0 || (network->address_last & host) == host))
		return ini_file_error(file, "%s: the first and the last address of a network are nobody's", key->name);
	return NULL;
}

static const char *take_method(const struct key *key, struct ini_file *file, struct config_network *network,
                               void *field, const char *value)
{
	int number = str_word(key->words, value);

	(void)field;
	network->address = number == 0 ? NETWORK_ADDRESS_DHCP : NETWORK_ADDRESS_NONE;
	return number < 0 ? ini_file_error(file, "%s: '%.64s' is not %s; a pool is addresses = FIRST-LAST/BITS",
	                                   key->name, value, key->words)
	                  : NULL;
}

static const char *take_dns(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                            const char *value)
{
	char entry[IPV4_TEXT];

	(void)field;
	for (const char *at = value; at;) {
		at = list_next(at, entry, sizeof(entry));
		if (network->dns_count == CONFIG_NETWORK_DNS)
			return ini_file_error(file, "%s: more than %u servers", key->name, CONFIG_NETWORK_DNS);
		if (ipv4_parse(entry, &network->dns[network->dns_count++]) < 0)
			return ini_file_error(file, "%s is a list of IPv4 addresses separated by commas", key->name);
	}
	return NULL;
}

/* What the kernel takes for a netdev's name, and no more than letters that need no quoting. */
static bool is_netdev(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	return name[0] && name[0] != '.' && name[0] != '-' && strlen(name) < IFNAMSIZ &&
	       name[strspn(name, letters)] == 0;
}

static const char *take_netdev(const struct key *key, struct ini_file *file, struct config_network *network,
                               void *field, const char *value)
{
	(void)network;
	if (!is_netdev(value))
		return ini_file_error(file, "%s: '%.64s' is not a network device's name", key->name, value);
	(void)str_print(field, IFNAMSIZ, "%s", value);
	return NULL;
}

static const char *take_pfs(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                            const char *value)
{
	struct pci_address pci;
	char entry[IFNAMSIZ];

	(void)field;
	for (const char *at = value; at;) {
		at = list_next(at, entry, sizeof(entry));
		if (pci_parse(entry, &pci) == 0)
			(void)str_print(entry, sizeof(entry), "%s", pci.name);
		else if (!is_netdev(entry))
			return ini_file_error(file,
			                      "%s is a list of network devices or PCI addresses, as ens1f0, "
			                      "0000:41:00.0",
			                      key->name);
		for (unsigned int i = 0; i < network->pf_count; i++)
			if (strcmp(network->pfs[i], entry) == 0)
				return ini_file_error(file, "%s: %s is given twice", key->name, entry);
		if (network->pf_count == CONFIG_NETWORK_PFS)
			return ini_file_error(file, "%s: more than %u", key->name, CONFIG_NETWORK_PFS);
		(void)str_print(network->pfs[network->pf_count++], IFNAMSIZ, "%s", entry);
	}
	return NULL;
}

/* NAME:VLAN */
static const char *take_named_vlan(const struct key *key, struct ini_file *file, struct network_vlan *vlan,
                                   const char *entry)
{
	const char *colon = strrchr(entry, ':');
	uint64_t number = 0;

	if (!colon || colon == entry ||
	    str_print(vlan->name, sizeof(vlan->name), "%.*s", (int)(colon - entry), entry) < 0 ||
	    strpbrk(vlan->name, " \t") || str_u64(colon + 1, 0, CONFIG_VLAN_MAX, &number) < 0)
		return ini_file_error(file, "%s: '%.80s' is not NAME:VLAN, with a VLAN from 0 to %u", key->name, entry,
		                      CONFIG_VLAN_MAX);
	vlan->vlan = (uint16_t)number;
	return NULL;
}

static const char *take_vlans(const struct key *key, struct ini_file *file, struct config_network *network, void *field,
                              const char *value)
{
	struct network_vlan *vlans = field;
	unsigned int *count =
	        vlans == network->account_vlans ? &network->account_vlan_count : &network->group_vlan_count;
	const char *error = NULL;
	char entry[96];

	for (const char *at = value; at && !error;) {
		at = list_next(at, entry, sizeof(entry));
		if (*count == CONFIG_NETWORK_VLANS)
			return ini_file_error(file, "%s: more than %u", key->name, CONFIG_NETWORK_VLANS);
		error = take_named_vlan(key, file, &vlans[*count], entry);
		for (unsigned int i = 0; !error && i < *count; i++)
			if (strcmp(vlans[i].name, vlans[*count].name) == 0)
				error = ini_file_error(file, "%s: %s is given twice", key->name, vlans[i].name);
		(*count)++;
	}
	return error;
}

#define AT(field) offsetof(struct config_network, field)

static const struct key keys[] = {
        {"type", NIC | NONE, take_type, AT(type), 0, 0, NULL},
        {"users", NIC | NONE, take_list, AT(users), 0, 0, NULL},
        {"groups", NIC | NONE, take_list, AT(groups), 0, 0, NULL},
        {"accounts", NIC | NONE, take_list, AT(accounts), 0, 0, NULL},
        {"partitions", NIC | NONE, take_list, AT(partitions), 0, 0, NULL},
        {"mac_pool", LAN, take_mac_pool, AT(mac_first), 0, 0, NULL},
        {"address", NIC, take_method, AT(address), 0, 0, "dhcp or none"},
        {"addresses", LAN, take_addresses, AT(address_first), 0, 0, NULL},
        {"gateway", LAN, take_address, AT(gateway), 0, 0, NULL},
        {"dns", LAN, take_dns, AT(dns), 0, 0, NULL},
        {"mtu", NIC, take_number, AT(mtu), MTU_MIN, MTU_MAX, NULL},
        {"wait", NIC, take_answer, AT(wait), 0, 0, "yes or no"},
        {"wait_timeout", NIC, take_number, AT(wait_timeout), 1, WAIT_MAX, NULL},
        {"pf", SRIOV, take_pfs, AT(pfs), 0, 0, NULL},
        {"vlan", SRIOV | BRIDGE, take_vlan, AT(vlan), 0, CONFIG_VLAN_MAX, NULL},
        {"account_vlans", SRIOV | BRIDGE, take_vlans, AT(account_vlans), 0, 0, NULL},
        {"group_vlans", SRIOV | BRIDGE, take_vlans, AT(group_vlans), 0, 0, NULL},
        {"spoofchk", LAN, take_answer, AT(spoofchk), 0, 0, "on or off"},
        {"trust", SRIOV, take_answer, AT(trust), 0, 0, "on or off"},
        {"max_tx_rate", SRIOV, take_number, AT(max_tx_rate), 0, RATE_MAX, NULL},
        {"numa", SRIOV, take_numa, AT(numa), 0, 0, "strict, prefer or ignore"},
        {"bridge", BRIDGE, take_netdev, AT(bridge), 0, 0, NULL},
        {"device", MACVTAP, take_netdev, AT(device), 0, 0, NULL},
        {"mode", MACVTAP, take_word, AT(mode), 0, 0, "bridge, vepa, private or passthru"},
        {"backend", USER, take_word, AT(backend), 0, 0, "auto, passt or slirp"},
};

#undef AT

_Static_assert(sizeof(keys) / sizeof(keys[0]) == CONFIG_NETWORK_KEYS, "a line for each key");

void config_network_default(struct config_network *network, const char *name, const char *type)
{
	*network = (struct config_network){
	        .vlan = CONFIG_VLAN_UNSAID,
	        .wait_timeout = 60,
	        .spoofchk = true,
	        .mode = "bridge",
	        .backend = "auto",
	};
	(void)str_print(network->name, sizeof(network->name), "%s", name);
	(void)str_print(network->type, sizeof(network->type), "%s", type);
}

const char *config_network_begin(struct config_network *network, struct ini_file *file, const char *name)
{
	if (!str_is_name(name))
		return ini_file_error(file, "'%s' is not a network's name", name);
	config_network_default(network, name, "");
	network->line = ini_file_line(file);
	return NULL;
}

const char *config_network_take(struct config_network *network, struct ini_file *file, const char *key,
                                const char *value)
{
	for (size_t i = 0; i < CONFIG_NETWORK_KEYS; i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		network->lines[i] = ini_file_line(file);
		return keys[i].take(&keys[i], file, network, (char *)network + keys[i].offset, value);
	}
	return ini_file_error(file, "unknown key '%s' of a network", key);
}

/* Where a key was given; 0: it was not. */
static int line_of(const struct config_network *network, const char *key)
{
	for (size_t i = 0; i < CONFIG_NETWORK_KEYS; i++)
		if (strcmp(keys[i].name, key) == 0)
			return network->lines[i];
	return 0;
}

/* The keys that the type has not, and the one that it must have. */
static int check_type(const struct config_network *network, const char *name, struct failure *why)
{
	static const char *const needed[] = {"pf", "bridge", "device"};
	enum type type = NONE;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, network->type) == 0)
			type = types[i].type;
	for (size_t i = 0; i < CONFIG_NETWORK_KEYS; i++)
		if (network->lines[i] && !(keys[i].types & type))
			return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: networks of type %s have no %s", name,
			                   network->lines[i], network->name, network->type, keys[i].name);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		bool is_needed = (type == SRIOV && i == 0) || (type == BRIDGE && i == 1) || (type == MACVTAP && i == 2);

		if (is_needed && !line_of(network, needed[i]))
			return failure_set(why, EXIT_NODE, "%s:%d: [network %s] of type %s needs %s", name,
			                   line_of(network, "type"), network->name, network->type, needed[i]);
	}
	return 0;
}

/* Keys that say something of one that is not there, or of another's opposite. */
static int check_pairs(const struct config_network *network, const char *name, struct failure *why)
{
	static const char *const pool_keys[] = {"gateway", "dns"};

	if (line_of(network, "address") && line_of(network, "addresses"))
		return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: address and addresses: give one of them", name,
		                   line_of(network, "addresses"), network->name);
	for (size_t i = 0; i < sizeof(pool_keys) / sizeof(pool_keys[0]); i++)
		if (line_of(network, pool_keys[i]) && !line_of(network, "addresses"))
			return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: %s needs addresses", name,
			                   line_of(network, pool_keys[i]), network->name, pool_keys[i]);
	if (network->wait && network->address == NETWORK_ADDRESS_NONE)
		return failure_set(why, EXIT_NODE,
		                   "%s:%d: [network %s]: wait = yes waits for an address, and address is none", name,
		                   line_of(network, "wait"), network->name);
	if (line_of(network, "wait_timeout") && !network->wait)
		return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: wait_timeout needs wait = yes", name,
		                   line_of(network, "wait_timeout"), network->name);
	return 0;
}

/* Whether a machine may get it. */
static bool is_of_pool(const struct config_network *network, uint32_t address)
{
	return address >= network->address_first && address <= network->address_last;
}

/* What serves the machines is none of them. */
static int check_servers(const struct config_network *network, const char *name, struct failure *why)
{
	uint32_t mask = network->prefix ? ~(UINT32_MAX >> network->prefix) : 0;

	if (network->gateway && (network->gateway & mask) != (network->address_first & mask))
		return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: the gateway is not in the addresses' network",
		                   name, line_of(network, "gateway"), network->name);
	if (network->gateway && is_of_pool(network, network->gateway))
		return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: the gateway is one of the addresses", name,
		                   line_of(network, "gateway"), network->name);
	for (unsigned int i = 0; i < network->dns_count; i++)
		if (is_of_pool(network, network->dns[i]))
			return failure_set(why, EXIT_NODE, "%s:%d: [network %s]: a name server is one of the addresses",
			                   name, line_of(network, "dns"), network->name);
	return 0;
}

int config_network_check(const struct config_network *network, const char *name, struct failure *why)
{
	int rc;

	if (!network->type[0])
		return failure_set(why, EXIT_NODE, "%s:%d: [network %s] has no type", name, network->line,
		                   network->name);
	rc = check_type(network, name, why);
	if (rc == 0)
		rc = check_pairs(network, name, why);
	return rc == 0 ? check_servers(network, name, why) : rc;
}
