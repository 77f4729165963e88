/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/network.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

#include "common/mac.h"
#include "common/str.h"

#define KEY_SIZE 64U

static const struct network_ops *const kinds[] = {&network_none, &network_user, &network_bridge, &network_macvtap,
                                                  &network_sriov};

const struct network_ops *network_find(const char *type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->type, type) == 0)
			return kinds[i];
	return NULL;
}

const struct network_ops *network_find_journal(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->journal && strcmp(kinds[i]->journal, kind) == 0)
			return kinds[i];
	return NULL;
}

static int network_key(const struct network_request *request, const char *key, char *name)
{
	return str_print(name, KEY_SIZE, "network.%u.%s", request->index, key);
}

const char *network_get(const struct network_request *request, const char *key)
{
	char name[KEY_SIZE];

	return network_key(request, key, name) == 0 ? kv_get(&request->record->kv, name) : NULL;
}

int network_get_mac(const struct network_request *request, uint64_t *mac)
{
	const char *text = network_get(request, "mac");

	return text && mac_parse(text, mac) == 0 && mac_is_unicast(*mac) ? 0 : -EINVAL;
}

int network_get_vlan(const struct network_request *request, uint16_t *vlan)
{
	const char *text = network_get(request, "vlan");
	uint64_t number = 0;

	if (text && str_u64(text, 0, CONFIG_VLAN_MAX, &number) < 0)
		return -EINVAL;
	*vlan = (uint16_t)number;
	return 0;
}

int network_set(const struct network_request *request, const char *key, const char *value)
{
	char name[KEY_SIZE];
	int rc = network_key(request, key, name);

	return rc == 0 ? kv_set(&request->record->kv, name, value) : rc;
}

int network_put(const struct network_request *request, struct kv *machine, const char *key, const char *value)
{
	char name[KEY_SIZE];
	int rc = network_key(request, key, name);

	return rc == 0 ? kv_set(machine, name, value) : rc;
}

int network_netdev(const struct network_request *request, const struct kv *machine, char *name)
{
	const char *uuid = kv_get(machine, "uuid");

	return uuid && strlen(uuid) >= 8 ? str_print(name, IFNAMSIZ, "wn%.8s-%u", uuid, request->index) : -EINVAL;
}
