/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/kv.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/clock.h"
#include "helper/fs.h"

#define NAME_SIZE 40U /* of PF.INDEX, and of its lock */

static const char *const phases[VF_PHASES] = {"leased", "programming", "ready", "releasing", "quarantined"};

const char *vf_phase_name(enum vf_phase phase)
{
	return phases[phase];
}

int vf_lease_folder(bool create)
{
	int state = fs_open_folder(WNODES_STATEDIR, create ? 0711 : 0);
	int fd;

	if (state < 0)
		return state;
	fd = fs_open_child(state, "vf", create, 0700);
	close(state);
	return fd;
}

int vf_lease_token(char *token)
{
	uint8_t bytes[(VF_TOKEN_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return errno ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int lock(int folder, const char *name, unsigned int ms)
{
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : fs_lock(fd, ms);

	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int vf_lease_lock(int folder, unsigned int ms)
{
	return lock(folder, "lock", ms);
}

static void file_name(const struct pci_address *pf, unsigned int index, const char *end, char *name)
{
	(void)snprintf(name, NAME_SIZE, "%s.%u%s", pf->name, index, end);
}

int vf_lease_lock_vf(int folder, const struct pci_address *pf, unsigned int index, unsigned int ms)
{
	char name[NAME_SIZE];

	file_name(pf, index, ".lock", name);
	return lock(folder, name, ms);
}

/* "PF.INDEX", and nothing else that lies in the folder. */
static int parse_name(const char *name, struct pci_address *pf, unsigned int *index)
{
	char copy[NAME_SIZE];
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

static int put_attributes(struct kv *kv, const struct vf_attributes *is)
{
	static const char *const words[] = {"none", "off", "on"};
	char mac[18];
	int rc;

	vf_link_print_mac(is->mac, mac);
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

static int get_u32(const struct kv *kv, const char *key, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;
	int rc = kv_get_u64(kv, key, 0, max, &value);

	*number = (uint32_t)value;
	return rc;
}

static int get_setting(const struct kv *kv, const char *key, int *setting)
{
	const char *value = kv_get(kv, key);

	if (!value)
		return -ENOENT;
	*setting = strcmp(value, "on") == 0 ? 1 : strcmp(value, "off") == 0 ? 0 : -1;
	return *setting < 0 && strcmp(value, "none") != 0 ? -EINVAL : 0;
}

static int get_mac(const struct kv *kv, const char *key, uint8_t *mac)
{
	const char *value = kv_get(kv, key);

	return value ? vf_link_parse_mac(value, mac) : -ENOENT;
}

static int get_attributes(const struct kv *kv, struct vf_attributes *is)
{
	uint32_t vlan = 0, proto = 0;
	int rc = get_mac(kv, "original.mac", is->mac);

	if (rc == 0)
		rc = get_u32(kv, "original.vlan", UINT16_MAX, &vlan);
	if (rc == 0)
		rc = get_u32(kv, "original.vlan_proto", UINT16_MAX, &proto);
	if (rc == 0)
		rc = get_u32(kv, "original.qos", UINT32_MAX, &is->qos);
	if (rc == 0)
		rc = get_setting(kv, "original.spoofchk", &is->spoofchk);
	if (rc == 0)
		rc = get_setting(kv, "original.trust", &is->trust);
	if (rc == 0)
		rc = get_u32(kv, "original.min_tx_rate", UINT32_MAX, &is->min_tx_rate);
	if (rc == 0)
		rc = get_u32(kv, "original.max_tx_rate", UINT32_MAX, &is->max_tx_rate);
	is->vlan = (uint16_t)vlan;
	is->vlan_proto = (uint16_t)proto;
	return rc == 0 ? get_u32(kv, "original.link_state", IFLA_VF_LINK_STATE_DISABLE, &is->link_state) : rc;
}

static int put_lease(struct kv *kv, const struct vf_lease *lease)
{
	const struct {
		const char *key, *value;
	} texts[] = {
	        {"pf", lease->vf.pf.name},
	        {"pci", lease->vf.pci.name},
	        {"token", lease->token},
	        {"node", lease->owner.node},
	        {"boot_id", lease->boot},
	        {"network", lease->network},
	        {"driver", lease->driver},
	        {"phase", phases[lease->phase]},
	        {"drained", lease->drained ? "yes" : NULL},
	        {"reason", lease->reason[0] ? lease->reason : NULL},
	};
	char mac[18];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = kv_set(kv, texts[i].key, texts[i].value);
	vf_link_print_mac(lease->mac, mac);
	if (rc == 0)
		rc = kv_set(kv, "mac", mac);
	if (rc == 0)
		rc = kv_setf(kv, "index", "%u", lease->vf.index);
	if (rc == 0)
		rc = kv_setf(kv, "job", "%" PRIu32, lease->owner.job);
	if (rc == 0)
		rc = kv_setf(kv, "restart", "%" PRIu32, lease->owner.restart);
	if (rc == 0)
		rc = kv_setf(kv, "since", "%" PRIu64, lease->since);
	return rc == 0 ? put_attributes(kv, &lease->original) : rc;
}

static int get_text(const struct kv *kv, const char *key, char *text, size_t size)
{
	const char *value = kv_get(kv, key);

	return value ? str_print(text, size, "%s", value) : -ENOENT;
}

static int get_owner(const struct kv *kv, struct vf_lease *lease)
{
	int rc = get_text(kv, "node", lease->owner.node, sizeof(lease->owner.node));

	if (rc == 0)
		rc = get_u32(kv, "job", RECORD_JOB_MAX, &lease->owner.job);
	if (rc == 0)
		rc = get_u32(kv, "restart", RECORD_RESTART_MAX, &lease->owner.restart);
	if (rc == 0)
		rc = get_text(kv, "boot_id", lease->boot, sizeof(lease->boot));
	if (rc == 0)
		rc = get_text(kv, "token", lease->token, sizeof(lease->token));
	return rc == 0 && strlen(lease->token) != VF_TOKEN_SIZE - 1 ? -EINVAL : rc;
}

static int get_phase(const struct kv *kv, enum vf_phase *phase)
{
	const char *value = kv_get(kv, "phase");

	for (unsigned int i = 0; value && i < VF_PHASES; i++)
		if (strcmp(value, phases[i]) == 0) {
			*phase = (enum vf_phase)i;
			return 0;
		}
	return -EINVAL;
}

static int get_lease(const struct kv *kv, struct vf_lease *lease)
{
	const char *pci = kv_get(kv, "pci");
	int rc = get_owner(kv, lease);

	if (rc == 0)
		rc = pci ? pci_parse(pci, &lease->vf.pci) : -ENOENT;
	if (rc == 0)
		rc = get_phase(kv, &lease->phase);
	if (rc == 0)
		rc = get_mac(kv, "mac", lease->mac);
	if (rc == 0)
		rc = get_text(kv, "driver", lease->driver, sizeof(lease->driver));
	if (rc == 0)
		rc = get_text(kv, "network", lease->network, sizeof(lease->network));
	if (rc == 0)
		rc = kv_get_u64(kv, "since", 0, UINT64_MAX, &lease->since);
	if (rc == 0)
		rc = get_attributes(kv, &lease->original);
	(void)get_text(kv, "reason", lease->reason, sizeof(lease->reason));
	lease->drained = kv_get(kv, "drained") != NULL;
	return rc;
}

int vf_lease_load(int folder, const struct pci_address *pf, unsigned int index, struct vf_lease *lease)
{
	char name[NAME_SIZE];
	struct kv kv = {0};
	int rc;

	*lease = (struct vf_lease){.vf = {.pf = *pf, .index = index}};
	file_name(pf, index, "", name);
	rc = kv_load(&kv, folder, name);
	/* its own errors, whatever they are, mean that what is there is no lease */
	if (rc == 0 && get_lease(&kv, lease) < 0)
		rc = -EINVAL;
	kv_free(&kv);
	return rc;
}

int vf_lease_save(int folder, const struct vf_lease *lease, bool durable)
{
	char name[NAME_SIZE];
	struct kv kv = {0};
	int rc = put_lease(&kv, lease);

	file_name(&lease->vf.pf, lease->vf.index, "", name);
	if (rc == 0)
		rc = kv_save(&kv, folder, name, 0600, durable);
	kv_free(&kv);
	return rc;
}

int vf_lease_set_phase(int folder, struct vf_lease *lease, enum vf_phase phase)
{
	lease->phase = phase;
	lease->since = clock_wall();
	return vf_lease_save(folder, lease, phase == VF_QUARANTINED);
}

int vf_lease_remove(int folder, const struct pci_address *pf, unsigned int index)
{
	char name[NAME_SIZE];

	file_name(pf, index, "", name);
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int vf_lease_each(int folder, vf_lease_call *call, void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!entries) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(entries)) != NULL) {
		struct pci_address pf;
		struct vf_lease lease;
		unsigned int index;
		int found;

		if (parse_name(entry->d_name, &pf, &index) < 0)
			continue;
		found = vf_lease_load(folder, &pf, index, &lease);
		/* one that has been given back meanwhile is none */
		if (found != -ENOENT)
			rc = call(context, &pf, index, found == 0 ? &lease : NULL);
	}
	closedir(entries);
	return rc;
}
