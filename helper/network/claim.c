/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "common/network_option.h"
#include "common/str.h"
#include "helper/ipv4.h"
#include "helper/limits.h"
#include "helper/network/vf_lease.h"

#define MACHINE_ID "/etc/machine-id"
#define ID_SIZE 33U

struct claim {
	struct record *record;
	const struct config_network *network;
	unsigned int index;
	bool collected; /* macs and addresses are whole */
	struct claim_used macs, addresses;
};

static int used_add(struct claim_used *used, uint64_t number)
{
	uint64_t *grown = reallocarray(used->numbers, used->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	used->numbers = grown;
	grown[used->count++] = number;
	return 0;
}

void claim_free(struct claim_used *used)
{
	free(used->numbers);
	*used = (struct claim_used){0};
}

static bool is_used(const struct claim_used *used, uint64_t number)
{
	for (size_t i = 0; i < used->count; i++)
		if (used->numbers[i] == number)
			return true;
	return false;
}

/* The value of network.I.part; NULL where there is none. */
static const char *get(const struct kv *kv, unsigned int index, const char *part)
{
	char key[32];

	return str_print(key, sizeof(key), "network.%u.%s", index, part) == 0 ? kv_get(kv, key) : NULL;
}

static int set(struct kv *kv, unsigned int index, const char *part, const char *value)
{
	char key[32];
	int rc = str_print(key, sizeof(key), "network.%u.%s", index, part);

	return rc == 0 ? kv_set(kv, key, value) : rc;
}

int claim_add(struct claim_used *macs, struct claim_used *addresses, const struct kv *kv)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < NETWORKS_MAX; i++) {
		const char *mac = get(kv, i, "mac"), *address = get(kv, i, "address");
		unsigned int bits;
		uint32_t host;
		uint64_t number;

		if (mac && mac_parse(mac, &number) == 0)
			rc = used_add(macs, number);
		if (rc == 0 && address && ipv4_parse_bits(address, &host, &bits) == 0)
			rc = used_add(addresses, host);
	}
	return rc;
}

int claim_find(const struct claim_used *used, uint64_t first, uint64_t last, uint64_t seed, uint64_t *number)
{
	uint64_t size = last - first + 1;

	/* one that is free is among as many as are used, and one more */
	for (uint64_t i = 0; i < size && i <= used->count; i++) {
		*number = first + (seed + i) % size;
		if (!is_used(used, *number))
			return 0;
	}
	return -ENOSPC;
}

static int add_mac(void *context, uint64_t mac)
{
	return used_add(context, mac);
}

static int add_record(void *context, const struct record *record)
{
	struct claim *claim = context;

	return claim_add(&claim->macs, &claim->addresses, &record->kv);
}

/* What all records have but this one, and VFs that did not come back. */
static int claim_collect(struct claim *claim)
{
	int rc = record_each(&claim->record->id, add_record, claim);

	return rc == 0 ? vf_lease_macs(add_mac, &claim->macs) : rc;
}

/* The first of a pool that nobody has, from seed's place on; only for that are the others looked at. */
static int claim_one(struct claim *claim, struct claim_used *used, uint64_t first, uint64_t last, uint64_t seed,
                     uint64_t *number)
{
	int rc = claim->collected ? 0 : claim_collect(claim);

	claim->collected = rc == 0;
	if (rc == 0)
		rc = claim_find(used, first, last, seed, number);
	return rc == 0 ? used_add(used, *number) : rc;
}

/* Nothing where there is none: the node's name tells nodes of a cluster apart, too. */
static void machine_id(char *id)
{
	int fd = open(MACHINE_ID, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, id, ID_SIZE - 1);

	id[n < 0 ? 0 : n] = 0;
	id[strspn(id, "0123456789abcdef")] = 0;
	if (fd >= 0)
		close(fd);
}

static int claim_mac(struct claim *claim, struct failure *why)
{
	const struct record_id *id = &claim->record->id;
	char machine[ID_SIZE], seed[192], text[MAC_TEXT];
	uint64_t mac = 0;
	int rc = 0;

	if (claim->network->mac_first) {
		rc = claim_one(claim, &claim->macs, claim->network->mac_first, claim->network->mac_last,
		               (uint64_t)id->job + claim->index, &mac);
	} else {
		machine_id(machine);
		(void)str_print(seed, sizeof(seed), "%s %s %" PRIu32 ".%" PRIu32 " %u", machine, id->node, id->job,
		                id->restart, claim->index);
		mac = mac_derive(seed);
	}
	if (rc == -ENOSPC)
		return failure_set(why, EXIT_NODE, "network %s: all addresses of its mac_pool are in use on node %s",
		                   claim->network->name, id->node);
	mac_format(mac, text);
	return rc < 0 ? rc : set(&claim->record->kv, claim->index, "mac", text);
}

static int claim_address(struct claim *claim, struct failure *why)
{
	const struct config_network *network = claim->network;
	char text[IPV4_TEXT + 4], address[IPV4_TEXT];
	uint64_t number = 0;
	int rc;

	if (network->address != NETWORK_ADDRESS_POOL)
		return 0;
	rc = claim_one(claim, &claim->addresses, network->address_first, network->address_last, claim->record->id.job,
	               &number);
	if (rc == -ENOSPC)
		return failure_set(why, EXIT_NODE, "network %s: all of its addresses are in use on node %s",
		                   network->name, claim->record->id.node);
	ipv4_format((uint32_t)number, address);
	(void)str_print(text, sizeof(text), "%s/%u", address, network->prefix);
	return rc < 0 ? rc : set(&claim->record->kv, claim->index, "address", text);
}

/* All of the job's networks. */
static int claim_all(const struct config *config, struct claim *claim, struct failure *why)
{
	struct kv *kv = &claim->record->kv;
	uint64_t count = 0;
	int rc = kv_get_u64(kv, "networks", 0, NETWORKS_MAX, &count);

	for (; rc == 0 && claim->index < count; claim->index++) {
		const char *name = get(kv, claim->index, "name");

		claim->network = name ? config_network(config, name) : NULL;
		rc = claim->network ? claim_mac(claim, why) : -EINVAL;
		if (rc == 0)
			rc = claim_address(claim, why);
	}
	return rc;
}

int claim_networks(const struct config *config, struct record *record, struct failure *why)
{
	struct claim claim = {.record = record};
	const char *networks = kv_get(&record->kv, "networks");
	int lock, rc;

	if (!networks || strcmp(networks, "0") == 0)
		return 0;
	lock = limits_lock(why);
	if (lock < 0)
		return lock;
	rc = claim_all(config, &claim, why);
	if (rc == 0)
		rc = record_save(record);
	close(lock);
	claim_free(&claim.macs);
	claim_free(&claim.addresses);
	return rc < 0 && !why->code
	               ? failure_set(why, EXIT_NODE, "cannot claim what the job's networks need: %s", strerror(-rc))
	               : rc;
}
