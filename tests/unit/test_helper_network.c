/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/config_device.o helper/pci_address.o */
/* links: helper/config.o helper/config_disk.o helper/config_machine.o helper/config_network.o helper/ipv4.o */
/* links: helper/config_partition.o helper/network/network.o helper/network/networks.o helper/network/claim.o */
/* links: helper/policy.o helper/limits.o helper/record.o helper/fs.o helper/list.o helper/failure.o */
/* links: helper/ini_file.o common/command_names.o common/disk_option.o common/kv.o common/mac.o common/mounts.o */
/* links: common/sha256.o common/network_option.o common/str.o */
/* links: tests/unit/config_says.o */
/* libs: -linih -Wl,--wrap=limits_lock,--wrap=record_each,--wrap=record_save */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "helper/config.h"
#include "helper/ipv4.h"
#include "helper/limits.h"
#include "helper/network/claim.h"
#include "helper/network/network.h"
#include "helper/network/networks.h"
#include "helper/network/vf_lease.h"
#include "helper/policy.h"
#include "tests/unit/config_says.h"

static struct failure why;

/* What kinds do on a host is no matter here. */
const struct network_ops network_none = {.type = "none"};
const struct network_ops network_user = {.type = "user"};
const struct network_ops network_bridge = {.type = "bridge"};
const struct network_ops network_macvtap = {.type = "macvtap"};
const struct network_ops network_sriov = {.type = "sriov"};

static void all_keys_are_read(void **state)
{
	const struct config_network *n;

	(void)state;
	assert_string_equal(config_says("[policy]\nnetwork = fast, lan\n"
	                                "[network fast]\ntype = sriov\nusers = alice\ngroups = physics, cms\n"
	                                "accounts = a\npartitions = p\npf = ens1f0, 0000:C1:00.0\nvlan = 7\n"
	                                "account_vlans = physics:100, chem:0\ngroup_vlans = cms:300\nspoofchk = off\n"
	                                "trust = on\nmax_tx_rate = 1000\nnuma = strict\n"
	                                "mac_pool = 02:00:00:00:10:00 - 02:00:00:00:10:fF\n"
	                                "addresses = 10.1.2.10-10.1.2.99/24\ngateway = 10.1.2.1\n"
	                                "dns = 10.1.2.1, 10.1.2.2\nmtu = 9000\nwait = yes\nwait_timeout = 30\n"
	                                "[network lan]\ntype = bridge\nbridge = br0\naddress = none\n"
	                                "[network tap]\ndevice = ens3\nmode = passthru\ntype = macvtap\n"
	                                "[network user]\ntype = user\nbackend = passt\n"),
	                    "");
	n = config_network(&config, "fast");
	assert_string_equal(n->type, "sriov");
	assert_string_equal(n->groups, "physics, cms");
	assert_int_equal(n->pf_count, 2);
	assert_string_equal(n->pfs[1], "0000:c1:00.0");
	assert_int_equal(n->vlan, 7);
	assert_int_equal(n->account_vlan_count, 2);
	assert_string_equal(n->account_vlans[1].name, "chem");
	assert_int_equal(n->account_vlans[1].vlan, 0);
	assert_int_equal(n->group_vlans[0].vlan, 300);
	assert_false(n->spoofchk);
	assert_true(n->trust);
	assert_int_equal(n->max_tx_rate, 1000);
	assert_int_equal(n->numa, NETWORK_NUMA_STRICT);
	assert_true(n->mac_first == UINT64_C(0x020000001000) && n->mac_last == UINT64_C(0x0200000010ff));
	assert_int_equal(n->address, NETWORK_ADDRESS_POOL);
	assert_int_equal(n->address_first, 0x0a01020a);
	assert_int_equal(n->address_last, 0x0a010263);
	assert_int_equal(n->prefix, 24);
	assert_int_equal(n->gateway, 0x0a010201);
	assert_int_equal(n->dns_count, 2);
	assert_int_equal(n->dns[1], 0x0a010202);
	assert_int_equal(n->mtu, 9000);
	assert_true(n->wait);
	assert_int_equal(n->wait_timeout, 30);
	assert_int_equal(config_network(&config, "lan")->address, NETWORK_ADDRESS_NONE);
	assert_string_equal(config_network(&config, "tap")->mode, "passthru");
	assert_string_equal(config_network(&config, "user")->backend, "passt");
}

static void defaults(void **state)
{
	const struct config_network *n;

	(void)state;
	assert_string_equal(config_says("[network fast]\ntype = sriov\npf = ens1f0\n"), "");
	n = config_network(&config, "fast");
	assert_true(n->spoofchk);
	assert_false(n->trust);
	assert_false(n->wait);
	assert_int_equal(n->vlan, CONFIG_VLAN_UNSAID);
	assert_int_equal(n->numa, NETWORK_NUMA_PREFER);
	assert_int_equal(n->address, NETWORK_ADDRESS_DHCP);
	assert_int_equal(n->mtu, 0);
	assert_true(n->mac_first == 0);
	assert_int_equal(config.network.count, 1);
	assert_string_equal(config.network.names[0], "user");
	assert_string_equal(config_network(&config, "user")->backend, "auto");
	assert_string_equal(config_network(&config, "none")->type, "none");
	assert_null(config_network(&config, "other"));
}

static void sections_are_checked(void **state)
{
	static const char *const wrong[][2] = {
	        {"[policy]\nnetwork = fast\n", "F:2: [policy] network = fast: there is no [network fast]"},
	        {"[policy]\nnetwork = a,\n", "F:2: network: '' is not a network's name"},
	        {"[policy]\nnetwork = user, quiet\n[network quiet]\ntype = none\n",
	         "F:2: [policy] network: quiet is of type none, and goes with no other network"},
	        {"[network fast]\ntype = tun\n", "F:2: type: 'tun' is not sriov, bridge, macvtap, user or none"},
	        {"[network fast]\n", "F:1: [network fast] has no type"},
	        {"[site]\n\n[network fast]\nmtu = 1500\n\n[policy]\nnetwork = fast\n",
	         "F:3: [network fast] has no type"},
	        {"[network a/b]\n", "F:1: 'a/b' is not a network's name"},
	        {"[network]\n", "F:1: unknown section [network]: a network's is [network NAME]"},
	        {"[network none]\ntype = user\n", "F:2: the network called none can only be of type none"},
	        {"[network f]\ntype = sriov\n", "F:2: [network f] of type sriov needs pf"},
	        {"[network f]\nmtu = 1500\ntype = bridge\n", "F:3: [network f] of type bridge needs bridge"},
	        {"[network f]\ntype = macvtap\n", "F:2: [network f] of type macvtap needs device"},
	        {"[network f]\npf = x\ntype = user\n", "F:2: [network f]: networks of type user have no pf"},
	        {"[network f]\ntype = user\nmac_pool = 02:00:00:00:00:01-02:00:00:00:00:02\n",
	         "F:3: [network f]: networks of type user have no mac_pool"},
	        {"[network f]\ntype = none\nwait = yes\n", "F:3: [network f]: networks of type none have no wait"},
	        {"[network f]\ntype = macvtap\ndevice = e\nvlan = 3\n",
	         "F:4: [network f]: networks of type macvtap have no vlan"},
	        {"[network f]\ntype = bridge\nbridge = b\naddress = dhcp\naddresses = 10.0.0.1-10.0.0.2/24\n",
	         "F:5: [network f]: address and addresses: give one of them"},
	        {"[network f]\ntype = bridge\nbridge = b\ngateway = 10.0.0.1\n",
	         "F:4: [network f]: gateway needs addresses"},
	        {"[network f]\ntype = bridge\nbridge = b\ndns = 10.0.0.1\n", "F:4: [network f]: dns needs addresses"},
	        {"[network f]\ntype = user\naddress = none\nwait = yes\n",
	         "F:4: [network f]: wait = yes waits for an address, and address is none"},
	        {"[network f]\ntype = user\nwait_timeout = 3\n", "F:3: [network f]: wait_timeout needs wait = yes"},
	        {"[network f]\ntype = bridge\nbridge = b\ngateway = 10.0.1.1\naddresses = 10.0.0.1-10.0.0.2/24\n",
	         "F:4: [network f]: the gateway is not in the addresses' network"},
	        {"[network f]\ntype = bridge\nbridge = b\ngateway = 10.0.0.2\naddresses = 10.0.0.1-10.0.0.2/24\n",
	         "F:4: [network f]: the gateway is one of the addresses"},
	        {"[network f]\ntype = bridge\nbridge = b\naddresses = 10.0.0.1-10.0.0.2/24\ndns = 1.1.1.1, 10.0.0.2\n",
	         "F:5: [network f]: a name server is one of the addresses"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_string_equal(config_says(wrong[i][0]), wrong[i][1]);
}

static void values_are_checked(void **state)
{
	static const char *const wrong[][2] = {
	        {"colour = blue", "unknown key 'colour' of a network"},
	        {"users = a,,b", "users is a list of names"},
	        {"vlan = 4095", "vlan: '4095' is not a number from 0 to 4094"},
	        {"vlan = -1", "vlan: '-1' is not"},
	        {"mtu = 100", "mtu: '100' is not a number from 576 to 65535"},
	        {"wait = maybe", "wait: 'maybe' is not yes or no"},
	        {"wait_timeout = 0", "wait_timeout: '0' is not a number from 1 to 3600"},
	        {"spoofchk = yes", "spoofchk: 'yes' is not on or off"},
	        {"trust = ", "trust: '' is not on or off"},
	        {"numa = or", "numa: 'or' is not strict, prefer or ignore"},
	        {"mode = vep", "mode: 'vep' is not bridge, vepa, private or passthru"},
	        {"backend = qemu", "backend: 'qemu' is not auto, passt or slirp"},
	        {"address = static", "address: 'static' is not dhcp or none; a pool is addresses"},
	        {"bridge = a/b", "bridge: 'a/b' is not a network device's name"},
	        {"bridge = abcdefghijklmnop", "bridge: 'abcdefghijklmnop' is not"},
	        {"device = -x", "device: '-x' is not"},
	        {"pf = ens1, ens1", "pf: ens1 is given twice"},
	        {"pf = 0000:c1:00.0, 0000:C1:00.0", "pf: 0000:c1:00.0 is given twice"},
	        {"pf = ens1,", "pf is a list of network devices or PCI addresses"},
	        {"pf = 0000:41:00.8", "pf is a list"},
	        {"pf = 41:00.0", "pf is a list"},
	        {"account_vlans = physics", "account_vlans: 'physics' is not NAME:VLAN"},
	        {"account_vlans = physics:4095", "account_vlans: 'physics:4095' is not NAME:VLAN"},
	        {"account_vlans = :5", "account_vlans: ':5' is not NAME:VLAN"},
	        {"group_vlans = a:1, a:2", "group_vlans: a is given twice"},
	        {"max_tx_rate = fast", "max_tx_rate: 'fast' is not a number"},
	        {"mac_pool = 02:00:00:00:10:00", "mac_pool is MAC-MAC"},
	        {"mac_pool = 02:00:00:00:10:00-02:00:00:00:10", "mac_pool is MAC-MAC"},
	        {"mac_pool = 03:00:00:00:10:00-03:00:00:00:10:ff", "mac_pool: these are not addresses that a NIC"},
	        {"mac_pool = 00:00:00:00:00:00-00:00:00:00:10:ff", "mac_pool: these are not addresses that a NIC"},
	        {"mac_pool = 02:00:00:00:10:01-02:00:00:00:10:00", "mac_pool: the first is after the last"},
	        {"mac_pool = 02:00:00:00:00:00-02:ff:00:00:00:00", "mac_pool: the first is after the last, or they"},
	        {"addresses = 10.0.0.1/24", "addresses is ADDRESS-ADDRESS/BITS"},
	        {"addresses = 10.0.0.1-10.0.0.2", "addresses is ADDRESS-ADDRESS/BITS"},
	        {"addresses = 10.0.0.1-10.0.0.300/24", "addresses is ADDRESS-ADDRESS/BITS"},
	        {"addresses = 10.0.0.1-10.0.0.2/32", "addresses is ADDRESS-ADDRESS/BITS"},
	        {"addresses = 10.0.0.1-10.0.1.2/24", "addresses: these are not a range of one network of 24 bits"},
	        {"addresses = 10.0.0.9-10.0.0.2/24", "addresses: these are not a range"},
	        {"addresses = 10.0.0.0-10.0.0.2/24", "addresses: the first and the last address of a network are"},
	        {"addresses = 10.0.0.9-10.0.0.255/24", "addresses: the first and the last address of a network are"},
	        {"gateway = here", "gateway: 'here' is not an IPv4 address"},
	        {"gateway = 0.0.0.0", "gateway: '0.0.0.0' is not"},
	        {"dns = 1.1.1.1, x", "dns is a list of IPv4 addresses"},
	        {"dns = 1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4", "dns: more than 3 servers"},
	};
	char text[256], start[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "[network f]\n%s\n", wrong[i][0]);
		(void)snprintf(start, sizeof(start), "F:2: %s", wrong[i][1]);
		assert_memory_equal(config_says(text), start, strlen(start));
	}
}

#define GROUPS "100:users,200:physics"

static const struct policy_job alice = {"alice", GROUPS, "chem", "main"};

static void who_may_use_a_network(void **state)
{
	const struct config_network *n;

	(void)state;
	assert_string_equal(config_says("[network f]\ntype = user\nusers = bob\ngroups = physics\naccounts = chem\n"
	                                "partitions = main\n"),
	                    "");
	n = config_network(&config, "f");
	assert_int_equal(policy_network(n, &alice, &why), 0);
	assert_int_equal(policy_network(n, &(struct policy_job){"bob", "100:users", "chem", "main"}, &why), 0);
	assert_int_equal(policy_network(n, &(struct policy_job){"eve", "100:users", "chem", "main"}, &why), -EACCES);
	assert_int_equal(why.code, EXIT_DENIED);
	assert_string_equal(why.message,
	                    "--vm-network: network f is only for the users bob, and for the groups physics");
	assert_int_equal(policy_network(n, &(struct policy_job){"bob", "", "bio", "main"}, &why), -EACCES);
	assert_string_equal(why.message,
	                    "--vm-network: network f is only for the accounts chem; the job's account is bio");
	assert_int_equal(policy_network(n, &(struct policy_job){"bob", "", "chem", NULL}, &why), -EACCES);
	assert_string_equal(
	        why.message,
	        "--vm-network: network f is only for the partitions main; the job's partition is not known");
}

static uint16_t vlan_of(const char *keys, const struct policy_job *job)
{
	char text[512];
	uint16_t vlan = UINT16_MAX;

	(void)snprintf(text, sizeof(text), "[network f]\ntype = sriov\npf = x\n%s\n", keys);
	assert_string_equal(config_says(text), "");
	return policy_vlan(config_network(&config, "f"), job, &vlan, &why) == 0 ? vlan : UINT16_MAX;
}

static void the_account_the_group_or_the_network_says_the_vlan(void **state)
{
	static const struct policy_job nobody = {"eve", "100:users", NULL, NULL};

	(void)state;
	assert_int_equal(vlan_of("", &alice), 0);
	assert_int_equal(vlan_of("vlan = 9", &alice), 9);
	assert_int_equal(vlan_of("vlan = 9\naccount_vlans = che:1, chem:2\ngroup_vlans = physics:3", &alice), 2);
	assert_int_equal(vlan_of("vlan = 9\naccount_vlans = bio:1\ngroup_vlans = cms:4, physics:3, users:5", &alice),
	                 3);
	assert_int_equal(vlan_of("vlan = 9\naccount_vlans = bio:1\ngroup_vlans = cms:4", &alice), 9);
	assert_int_equal(vlan_of("vlan = 0\naccount_vlans = bio:1", &nobody), 0);
	/* whom nobody thought of does not get onto the untagged network */
	assert_int_equal(vlan_of("account_vlans = bio:1", &nobody), UINT16_MAX);
	assert_int_equal(why.code, EXIT_DENIED);
	assert_string_equal(why.message, "--vm-network: network f has no VLAN for the account (not known), nor for a "
	                                 "group of user eve");
}

static struct record record;

static int choose(const char *text)
{
	kv_free(&record.kv);
	why = (struct failure){0};
	return networks_choose(&config, text, &alice, &record, &why);
}

static void a_job_gets_the_networks_that_it_names(void **state)
{
	(void)state;
	assert_string_equal(config_says("[policy]\nnetwork = lan, user\n[network lan]\ntype = bridge\nbridge = br0\n"
	                                "vlan = 12\n[network far]\ntype = macvtap\ndevice = e0\nusers = bob\n"
	                                "[network quiet]\ntype = none\n"),
	                    "");
	assert_int_equal(choose(NULL), 0);
	assert_string_equal(kv_get(&record.kv, "networks"), "2");
	assert_string_equal(kv_get(&record.kv, "network.0.name"), "lan");
	assert_string_equal(kv_get(&record.kv, "network.0.type"), "bridge");
	assert_string_equal(kv_get(&record.kv, "network.0.vlan"), "12");
	assert_string_equal(kv_get(&record.kv, "network.1.type"), "user");
	assert_int_equal(choose("lan,lan,user"), 0);
	assert_string_equal(kv_get(&record.kv, "networks"), "3");
	assert_int_equal(choose("none"), 0);
	assert_string_equal(kv_get(&record.kv, "networks"), "0");
	assert_int_equal(choose("quiet"), 0);
	assert_string_equal(kv_get(&record.kv, "networks"), "0");
	assert_int_equal(choose("lan,quiet"), -EINVAL);
	assert_string_equal(why.message, "--vm-network: quiet is of type none, and goes with no other network");
	assert_int_equal(choose("lan,../x"), -EINVAL);
	assert_int_equal(why.code, EXIT_USAGE);
	assert_int_equal(choose("fast"), -EINVAL);
	assert_int_equal(why.code, EXIT_USAGE);
	assert_string_equal(why.message,
	                    "--vm-network: there is no network fast here; you may use lan, quiet, user, none");
	assert_int_equal(choose("lan,far"), -EACCES);
	assert_int_equal(why.code, EXIT_DENIED);
	assert_string_equal(why.message, "--vm-network: network far is only for the users bob; you may use lan, quiet, "
	                                 "user, none");
	kv_free(&record.kv);
}

static void a_network_that_has_gone_ends_the_job(void **state)
{
	struct kv machine = {0};

	(void)state;
	assert_string_equal(config_says("[network lan]\ntype = bridge\nbridge = br0\n"), "");
	assert_int_equal(choose("lan"), 0);
	assert_int_equal(networks_make(&config, &record, &machine, &why), -EIO);
	assert_string_equal(why.message, "the job's record is broken");
	assert_int_equal(kv_set(&record.kv, "uid", "7"), 0);
	assert_int_equal(kv_set(&record.kv, "gid", "7"), 0);
	assert_string_equal(config_says("[network lan]\ntype = user\n"), "");
	assert_int_equal(networks_make(&config, &record, &machine, &why), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_string_equal(why.message, "network lan of type bridge is in wnodes.conf no more");
	assert_string_equal(config_says(""), "");
	assert_int_equal(networks_make(&config, &record, &machine, &why), -EIO);
	assert_string_equal(why.message, "network lan of type bridge is in wnodes.conf no more");
	kv_free(&record.kv);
	kv_free(&machine);
}

/* Nor are other jobs' records, but one's. */
int __wrap_limits_lock(struct failure *failure);
int __wrap_record_each(const struct record_id *own, record_call *call, void *context);
int __wrap_record_save(struct record *saved);

int __wrap_limits_lock(struct failure *failure)
{
	(void)failure;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int records_rc; /* of reading them */

int __wrap_record_each(const struct record_id *own, record_call *call, void *context)
{
	struct record other = {.id = {.node = "cn1", .job = 7}, .dirfd = -1, .lock = -1};
	int rc;

	if (records_rc < 0)
		return records_rc;
	assert_int_equal(own->job, 8);
	assert_int_equal(kv_set(&other.kv, "network.0.mac", "02:00:00:00:10:09"), 0);
	rc = call(context, &other);
	kv_free(&other.kv);
	return rc;
}

int __wrap_record_save(struct record *saved)
{
	(void)saved;
	return 0;
}

/* But one VF did not come back from its job, whose record has gone. */
int vf_lease_macs(int (*call)(void *context, uint64_t mac), void *context)
{
	return call(context, UINT64_C(0x020000001008));
}

static void a_mac_of_another_job_or_of_a_vf_in_quarantine_is_not_given(void **state)
{
	struct record own = {.id = {.node = "cn1", .job = 8}, .dirfd = -1, .lock = -1};

	(void)state;
	assert_string_equal(config_says("[network fast]\ntype = sriov\npf = ens1\n"
	                                "mac_pool = 02:00:00:00:10:00-02:00:00:00:10:0f\n"),
	                    "");
	assert_int_equal(kv_set(&own.kv, "networks", "1"), 0);
	assert_int_equal(kv_set(&own.kv, "network.0.name", "fast"), 0);
	assert_int_equal(claim_networks(&config, &own, &why), 0);
	assert_string_equal(kv_get(&own.kv, "network.0.mac"), "02:00:00:00:10:0a");
	kv_free(&own.kv);
}

static void only_for_a_pool_must_others_be_known(void **state)
{
	struct record own = {.id = {.node = "cn1", .job = 8}, .dirfd = -1, .lock = -1};

	(void)state;
	records_rc = -EPERM;
	assert_string_equal(config_says("[network derived]\ntype = user\n"
	                                "[network pooled]\ntype = bridge\nbridge = br0\n"
	                                "addresses = 10.0.0.2-10.0.0.3/24\n"),
	                    "");
	assert_int_equal(kv_set(&own.kv, "networks", "1"), 0);
	assert_int_equal(kv_set(&own.kv, "network.0.name", "derived"), 0);
	assert_int_equal(claim_networks(&config, &own, &why), 0);
	assert_non_null(kv_get(&own.kv, "network.0.mac"));
	assert_int_equal(kv_set(&own.kv, "network.0.name", "pooled"), 0);
	why = (struct failure){0};
	assert_int_equal(claim_networks(&config, &own, &why), -EIO);
	assert_string_equal(why.message, "cannot claim what the job's networks need: Operation not permitted");
	records_rc = 0;
	kv_free(&own.kv);
}

static void addresses_are_read_and_written(void **state)
{
	static const char *const wrong[] = {"",    "10.0.0",     "0.0.0.0",   "10.0.0.1/24",
	                                    "::1", "10.0.0.256", "10.0.0.1 ", "010.0.0.0.1"};
	static const char *const wrong_bits[] = {"10.0.0.1",    "10.0.0.1/",  "10.0.0.1/0",         "10.0.0.1/32",
	                                         "10.0.0.1/-1", "0.0.0.0/24", "100.100.100.1000/24"};
	uint32_t address = 0;
	unsigned int bits = 0;
	char text[IPV4_TEXT];

	(void)state;
	assert_int_equal(ipv4_parse("255.254.0.1", &address), 0);
	assert_int_equal(address, 0xfffe0001);
	ipv4_format(address, text);
	assert_string_equal(text, "255.254.0.1");
	assert_int_equal(ipv4_parse_bits("10.0.0.1/31", &address, &bits), 0);
	assert_int_equal(address, 0x0a000001);
	assert_int_equal(bits, 31);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ipv4_parse(wrong[i], &address), -EINVAL);
	for (size_t i = 0; i < sizeof(wrong_bits) / sizeof(wrong_bits[0]); i++)
		assert_int_equal(ipv4_parse_bits(wrong_bits[i], &address, &bits), -EINVAL);
}

static void claims_are_not_given_twice(void **state)
{
	struct claim_used macs = {0}, addresses = {0};
	struct kv kv = {0};
	uint64_t number = 0;

	(void)state;
	assert_int_equal(kv_set(&kv, "network.0.mac", "02:00:00:00:00:10"), 0);
	assert_int_equal(kv_set(&kv, "network.7.mac", "02:00:00:00:00:12"), 0);
	assert_int_equal(kv_set(&kv, "network.7.address", "10.0.0.1/24"), 0);
	assert_int_equal(kv_set(&kv, "network.1.mac", "broken"), 0);
	assert_int_equal(claim_add(&macs, &addresses, &kv), 0);
	kv_free(&kv);
	assert_int_equal(macs.count, 2);
	assert_int_equal(addresses.count, 1);
	assert_int_equal(claim_find(&addresses, 0x0a000001, 0x0a000001, 5, &number), -ENOSPC);
	assert_int_equal(claim_find(&addresses, 0x0a000001, 0x0a000002, 0, &number), 0);
	assert_int_equal(number, 0x0a000002);
	/* from the seed's place on, and round */
	assert_int_equal(claim_find(&macs, UINT64_C(0x020000000010), UINT64_C(0x020000000012), 2, &number), 0);
	assert_true(number == UINT64_C(0x020000000011));
	assert_int_equal(claim_find(&macs, UINT64_C(0x020000000012), UINT64_C(0x020000000012), 0, &number), -ENOSPC);
	assert_int_equal(claim_find(&macs, 1, UINT64_C(1) << 24, (UINT64_C(1) << 24) + 4, &number), 0);
	assert_int_equal(number, 5);
	claim_free(&macs);
	claim_free(&addresses);
}

static void the_description_says_what_the_guest_is_to_know(void **state)
{
	struct network_request request = {.record = &record};
	struct kv machine = {0};
	char name[IFNAMSIZ];

	(void)state;
	assert_int_equal(kv_set(&machine, "uuid", "133ef5e4-9b58-4308-ac38-2c2cafa6194a"), 0);
	request.index = 7;
	assert_int_equal(network_set(&request, "mac", "02:00:00:00:00:10"), 0);
	assert_string_equal(network_get(&request, "mac"), "02:00:00:00:00:10");
	assert_int_equal(network_set(&request, "mac", NULL), 0);
	assert_null(network_get(&request, "mac"));
	assert_int_equal(network_put(&request, &machine, "target", "x"), 0);
	assert_string_equal(kv_get(&machine, "network.7.target"), "x");
	assert_int_equal(network_netdev(&request, &machine, name), 0);
	assert_string_equal(name, "wn133ef5e4-7");
	kv_free(&machine);
	assert_int_equal(network_netdev(&request, &machine, name), -EINVAL);
	kv_free(&record.kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_keys_are_read),
	        cmocka_unit_test(defaults),
	        cmocka_unit_test(sections_are_checked),
	        cmocka_unit_test(values_are_checked),
	        cmocka_unit_test(who_may_use_a_network),
	        cmocka_unit_test(the_account_the_group_or_the_network_says_the_vlan),
	        cmocka_unit_test(a_job_gets_the_networks_that_it_names),
	        cmocka_unit_test(a_network_that_has_gone_ends_the_job),
	        cmocka_unit_test(a_mac_of_another_job_or_of_a_vf_in_quarantine_is_not_given),
	        cmocka_unit_test(only_for_a_pool_must_others_be_known),
	        cmocka_unit_test(addresses_are_read_and_written),
	        cmocka_unit_test(claims_are_not_given_twice),
	        cmocka_unit_test(the_description_says_what_the_guest_is_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
