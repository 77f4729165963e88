/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_lease.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kv.h"
#include "common/mac.h"
#include "common/str.h"

void vf_lease_name(const struct pci_address *pf, unsigned int index, char *name)
{
	(void)snprintf(name, LEASE_NAME_SIZE, "%s.%u", pf->name, index);
}

int vf_lease_parse_name(const char *name, struct pci_address *pf, unsigned int *index)
{
	char copy[LEASE_NAME_SIZE];
	uint64_t number;
	char *dot;

	if (str_print(copy, sizeof(copy), "%s", name) < 0)
		return -EINVAL;
	dot = strrchr(copy, '.');
	if (!dot || str_u64(dot + 1, 0, VF_MAX - 1, &number) < 0)
		return -EINVAL;
	*dot = 0;
	*index = (unsigned int)number;
	return pci_parse(copy, pf);
}

int vf_lease_lock_vf(int folder, const struct pci_address *pf, unsigned int index, unsigned int ms)
{
	char name[LEASE_NAME_SIZE];

	vf_lease_name(pf, index, name);
	return lease_lock_one(folder, name, ms);
}

static int put_attributes(struct kv *kv, const struct vf_attributes *is)
{
	static const char *const words[] = {"none", "off", "on"};
	char mac[MAC_TEXT];
	int rc;

	mac_format(is->mac, mac);
	rc = kv_set(kv, "original.mac", mac);
	if (rc == 0)
		rc = kv_setf(kv, "original.vlan", "%u", is->vlan);
	if (rc == 0)
		rc = kv_setf(kv, "original.vlan_proto", "%u", is->vlan_proto);
	if (rc == 0)
		rc = kv_setf(kv, "original.qos", "%u", is->qos);
	if (rc == 0)
		rc = kv_set(kv, "original.spoofchk", words[is->spoofchk + 1]);
	if (rc == 0)
		rc = kv_set(kv, "original.trust", words[is->trust + 1]);
	if (rc == 0)
		rc = kv_setf(kv, "original.min_tx_rate", "%u", is->min_tx_rate);
	if (rc == 0)
		rc = kv_setf(kv, "original.max_tx_rate", "%u", is->max_tx_rate);
	return rc == 0 ? kv_setf(kv, "original.link_state", "%u", is->link_state) : rc;
}

static int get_setting(const struct kv *kv, const char *key, int *setting)
{
	const char *value = kv_get(kv, key);

	if (!value)
		return -ENOENT;
	*setting = strcmp(value, "on") == 0 ? 1 : strcmp(value, "off") == 0 ? 0 : -1;
	return *setting < 0 && strcmp(value, "none") != 0 ? -EINVAL : 0;
}

static int get_mac(const struct kv *kv, const char *key, uint64_t *mac)
{
	const char *value = kv_get(kv, key);

	return value ? mac_parse(value, mac) : -ENOENT;
}

static int get_attributes(const struct kv *kv, struct vf_attributes *is)
{
	uint32_t vlan = 0, proto = 0;
	int rc = get_mac(kv, "original.mac", &is->mac);

	if (rc == 0)
		rc = kv_get_u32(kv, "original.vlan", 0, UINT16_MAX, &vlan);
	if (rc == 0)
		rc = kv_get_u32(kv, "original.vlan_proto", 0, UINT16_MAX, &proto);
	if (rc == 0)
		rc = kv_get_u32(kv, "original.qos", 0, UINT32_MAX, &is->qos);
	if (rc == 0)
		rc = get_setting(kv, "original.spoofchk", &is->spoofchk);
	if (rc == 0)
		rc = get_setting(kv, "original.trust", &is->trust);
	if (rc == 0)
		rc = kv_get_u32(kv, "original.min_tx_rate", 0, UINT32_MAX, &is->min_tx_rate);
	if (rc == 0)
		rc = kv_get_u32(kv, "original.max_tx_rate", 0, UINT32_MAX, &is->max_tx_rate);
	is->vlan = (uint16_t)vlan;
	is->vlan_proto = (uint16_t)proto;
	return rc == 0 ? kv_get_u32(kv, "original.link_state", 0, IFLA_VF_LINK_STATE_DISABLE, &is->link_state) : rc;
}

static int put_lease(struct kv *kv, const struct vf_lease *lease)
{
	char mac[MAC_TEXT];
	int rc = kv_set(kv, "pci", lease->vf.pci.name);

	mac_format(lease->mac, mac);
	if (rc == 0)
		rc = kv_set(kv, "mac", mac);
	if (rc == 0)
		rc = kv_set(kv, "network", lease->network);
	if (rc == 0)
		rc = kv_set(kv, "driver", lease->driver);
	return rc == 0 ? put_attributes(kv, &lease->original) : rc;
}

int vf_lease_read(const struct lease *base, const struct kv *own, struct vf_lease *lease)
{
	const char *pci = kv_get(own, "pci");
	int rc = pci ? 0 : -EINVAL;

	*lease = (struct vf_lease){.base = *base};
	if (rc == 0)
		rc = vf_lease_parse_name(base->name, &lease->vf.pf, &lease->vf.index);
	if (rc == 0)
		rc = pci_parse(pci, &lease->vf.pci);
	if (rc == 0)
		rc = get_mac(own, "mac", &lease->mac);
	if (rc == 0)
		rc = kv_get_text(own, "driver", lease->driver, sizeof(lease->driver));
	if (rc == 0)
		rc = kv_get_text(own, "network", lease->network, sizeof(lease->network));
	if (rc == 0)
		rc = get_attributes(own, &lease->original);
	return rc < 0 ? -EINVAL : 0;
}

int vf_lease_load(int folder, const struct pci_address *pf, unsigned int index, struct vf_lease *lease)
{
	char name[LEASE_NAME_SIZE];
	struct lease base;
	struct kv own = {0};
	int rc;

	vf_lease_name(pf, index, name);
	rc = lease_load(folder, name, &base, &own);
	if (rc == 0)
		rc = vf_lease_read(&base, &own, lease);
	kv_free(&own);
	return rc;
}

bool vf_lease_is_there(int folder, const struct pci_address *pf, unsigned int index)
{
	char name[LEASE_NAME_SIZE];

	vf_lease_name(pf, index, name);
	return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int vf_lease_save(int folder, const struct vf_lease *lease, bool durable)
{
	struct kv own = {0};
	int rc = put_lease(&own, lease);

	if (rc == 0)
		rc = lease_save(folder, &lease->base, &own, durable);
	kv_free(&own);
	return rc;
}

int vf_lease_set_phase(int folder, struct vf_lease *lease, enum lease_phase phase)
{
	struct kv own = {0};
	int rc = put_lease(&own, lease);

	if (rc == 0)
		rc = lease_set_phase(folder, &lease->base, &own, phase);
	kv_free(&own);
	return rc;
}

struct listing {
	vf_lease_call *call;
	void *context;
};

static int list_one(void *context, const char *name, const struct lease *base, const struct kv *own)
{
	const struct listing *listing = context;
	struct pci_address pf;
	struct vf_lease lease;
	unsigned int index;

	if (vf_lease_parse_name(name, &pf, &index) < 0)
		return 0;
	return listing->call(listing->context, &pf, index,
	                     base && vf_lease_read(base, own, &lease) == 0 ? &lease : NULL);
}

int vf_lease_each(int folder, vf_lease_call *call, void *context)
{
	struct listing listing = {call, context};

	return lease_each(folder, list_one, &listing);
}

struct macs {
	int (*call)(void *context, uint64_t mac);
	void *context;
};

static int each_mac(void *context, const struct pci_address *pf, unsigned int index, const struct vf_lease *lease)
{
	const struct macs *macs = context;

	(void)pf;
	(void)index;
	return lease ? macs->call(macs->context, lease->mac) : 0;
}

int vf_lease_macs(int (*call)(void *context, uint64_t mac), void *context)
{
	struct macs macs = {call, context};
	int folder = lease_folder(&vf_lease_kind, false);
	int rc = folder < 0 ? folder : vf_lease_each(folder, each_mac, &macs);

	if (folder >= 0)
		close(folder);
	return rc == -ENOENT ? 0 : rc;
}
