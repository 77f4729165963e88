/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/machine_network.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "common/mac.h"
#include "common/str.h"

#define MTU_MIN 68U
#define MTU_MAX 65535U
#define WAIT_MAX 86400U

/* Reads keys of a NIC until the first that is wrong. */
struct reader {
	const struct kv *kv;
	unsigned int index;
	const char *problem;
	char key[64];
};

static const char *read_optional(struct reader *reader, const char *key)
{
	const char *value;

	if (reader->problem)
		return NULL;
	(void)str_print(reader->key, sizeof(reader->key), "network.%u.%s", reader->index, key);
	value = kv_get(reader->kv, reader->key);
	return value && *value ? value : NULL;
}

/* A value that is made of letters alone, and not longer than max. */
static const char *read_text(struct reader *reader, const char *key, const char *letters, size_t max)
{
	const char *value = read_optional(reader, key);

	if (value && (strlen(value) > max || value[strspn(value, letters)]))
		reader->problem = "has something in it that does not belong there";
	return reader->problem ? NULL : value;
}

static const char *read_required(struct reader *reader, const char *key, const char *letters, size_t max)
{
	const char *value = read_text(reader, key, letters, max);

	if (!value && !reader->problem)
		reader->problem = "is missing";
	return value;
}

static unsigned int read_number(struct reader *reader, const char *key, uint64_t min, uint64_t max)
{
	const char *value = read_optional(reader, key);
	uint64_t number = 0;

	if (value && str_u64(value, min, max, &number) < 0)
		reader->problem = "is not a number, or out of range";
	return (unsigned int)number;
}

/* The position of the word among words, which end with NULL. */
static unsigned int read_word(struct reader *reader, const char *key, const char *const *words)
{
	const char *value = read_optional(reader, key);
	unsigned int i = 0;

	while (value && words[i] && strcmp(words[i], value) != 0)
		i++;
	if (!reader->problem && (!value || !words[i]))
		reader->problem = value ? "has an unknown value" : "is missing";
	return i;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"

static void read_host(struct reader *reader, struct machine_network *network)
{
	static const char *const kinds[] = {[MACHINE_USER] = "user",
	                                    [MACHINE_BRIDGE] = "bridge",
	                                    [MACHINE_MACVTAP] = "macvtap",
	                                    [MACHINE_SRIOV] = "sriov",
	                                    NULL};
	static const char *const backends[] = {"slirp", "passt", NULL};
	uint64_t mac;

	network->kind = (enum machine_network_kind)read_word(reader, "kind", kinds);
	network->name = read_required(reader, "name", LETTERS DIGITS "._:-", NETWORK_NAME_SIZE - 1);
	network->mac = read_required(reader, "mac", HEX ":", MAC_TEXT - 1);
	if (network->mac && mac_parse(network->mac, &mac) < 0)
		reader->problem = "is not a MAC address";
	if (network->kind == MACHINE_USER)
		network->passt = read_word(reader, "backend", backends) == 1;
	else if (network->kind == MACHINE_SRIOV)
		network->pci = read_required(reader, "pci", HEX ":.", 16);
	else
		network->target = read_required(reader, "target", LETTERS DIGITS "._-", IFNAMSIZ - 1);
}

static void read_guest(struct reader *reader, struct machine_network *network)
{
	static const char *const answers[] = {"no", "yes", NULL};

	network->dhcp = read_word(reader, "dhcp", answers) == 1;
	network->address = read_text(reader, "address", DIGITS "./", 18);
	network->gateway = read_text(reader, "gateway", DIGITS ".", 15);
	network->dns = read_text(reader, "dns", DIGITS ". ", 64);
	network->mtu = read_number(reader, "mtu", MTU_MIN, MTU_MAX);
	network->wait = read_number(reader, "wait", 0, WAIT_MAX);
}

int machine_network_read(const struct kv *kv, struct machine_network *networks, const char **key, const char **problem)
{
	static struct reader reader;
	uint64_t count = 0;

	reader = (struct reader){.kv = kv};
	*key = "networks";
	if (kv_get_u64(kv, *key, 0, NETWORKS_MAX, &count) < 0) {
		*problem = kv_get(kv, *key) ? "is not a number, or out of range" : "is missing";
		return -EINVAL;
	}
	for (reader.index = 0; reader.index < count && !reader.problem; reader.index++) {
		networks[reader.index] = (struct machine_network){0};
		read_host(&reader, &networks[reader.index]);
		read_guest(&reader, &networks[reader.index]);
	}
	*key = reader.key;
	*problem = reader.problem;
	return reader.problem ? -EINVAL : (int)count;
}
