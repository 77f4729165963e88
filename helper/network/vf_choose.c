/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/mac.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/bounded.h"

#define SEARCH_MS 8000U
#define PATIENCE_MS 750U /* with one VF, as long as there are others */

/* A PF that the network names, and may be used. */
struct candidate {
	struct vf_pf pf;
	unsigned int leased;
	unsigned int place; /* in the network's list */
	bool taken[VF_MAX];
	bool hung[VF_MAX]; /* the kernel did not answer in time */
};

struct search {
	const struct config_network *network;
	const struct vf_nodes *nodes;
	uint64_t mac;
	const char *own; /* token of the lease that the machine has already, or NULL */
	struct candidate pfs[CONFIG_NETWORK_PFS];
	unsigned int pf_count;
	unsigned int leased, quarantined, elsewhere, vfs, hung;
	char refused[VF_WHY_MAX + 64]; /* the first PF or VF that cannot be used, and why; "" */
	struct vf_addressed addressed;
	bool again;             /* those that hung, the others having been looked at */
	unsigned int pf, index; /* the next to be looked at */
	unsigned int hung_pf, hung_index;
	struct vf_lease found;
	struct failure why;
};

bool vf_nodes_have(const struct vf_nodes *nodes, int node)
{
	if (nodes->any)
		return true;
	for (unsigned int i = 0; i < nodes->count; i++)
		if (node >= 0 && nodes->nodes[i] == (unsigned int)node)
			return true;
	return false;
}

static void refuse(struct search *search, const char *text)
{
	if (!search->refused[0])
		(void)str_print(search->refused, sizeof(search->refused), "%.*s", (int)sizeof(search->refused) - 1,
		                text);
}

/* The PFs that are up; another name of one that is there already does not count. */
static void find_pfs(struct search *search)
{
	for (unsigned int i = 0; i < search->network->pf_count; i++) {
		const char *name = search->network->pfs[i];
		struct candidate *candidate = &search->pfs[search->pf_count];
		struct failure why = {0};
		bool twice = false;

		if (vf_pf_find(name, &candidate->pf, &why) < 0) {
			refuse(search, why.message);
			continue;
		}
		if (!vf_pf_is_up(&candidate->pf)) {
			(void)failure_set(&why, EXIT_NODE, "the adapter %s is down", name);
			refuse(search, why.message);
			continue;
		}
		for (unsigned int j = 0; j < search->pf_count; j++)
			twice = twice || pci_is(&search->pfs[j].pf.pci, &candidate->pf.pci);
		candidate->place = i;
		search->pf_count += !twice;
	}
}

static int count_lease(void *context, const struct pci_address *pf, unsigned int index, const struct vf_lease *lease)
{
	struct search *search = context;

	for (unsigned int i = 0; i < search->pf_count; i++) {
		if (!pci_is(&search->pfs[i].pf.pci, pf))
			continue;
		search->pfs[i].taken[index] = true;
		search->pfs[i].leased++;
		if (!lease || lease->base.phase == LEASE_QUARANTINED)
			search->quarantined++;
		else
			search->leased++;
	}
	if (!lease || (search->own && strcmp(search->own, lease->base.token) == 0))
		return 0;
	return lease->mac == search->mac ? -EEXIST : 0;
}

/* A lease that was written anew while they were listed may have been missed (btrfs). */
static void find_missed(struct search *search, int folder)
{
	for (unsigned int i = 0; i < search->pf_count; i++) {
		struct candidate *candidate = &search->pfs[i];

		for (unsigned int index = 0; index < VF_MAX; index++)
			if (!candidate->taken[index] && vf_lease_is_there(folder, &candidate->pf.pci, index)) {
				candidate->taken[index] = true;
				candidate->leased++;
				search->leased++;
			}
	}
}

static int compare(const void *one, const void *other)
{
	const struct candidate *a = one, *b = other;

	if (a->leased != b->leased)
		return a->leased < b->leased ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

/* Whether another VF of the PF, or the PF, has the machine's MAC. */
static bool has_mac(const struct search *search, const struct vf_table *table, unsigned int except)
{
	if (table->pf_mac == search->mac)
		return true;
	for (unsigned int i = 0; i < table->count; i++)
		if (i != except && table->known[i] && table->vfs[i].mac == search->mac)
			return true;
	return false;
}

/* What the VF is like, before anything of it is touched. Returns 0 or a negative errno with text. */
static int look(const struct search *search, const struct candidate *candidate, struct vf_lease *lease, char *text)
{
	static struct vf_table table;
	unsigned int index = lease->vf.index;
	int rc = vf_link_read(candidate->pf.ifindex, &table);

	if (rc == 0 && !table.known[index])
		rc = -ENODEV;
	if (rc == 0)
		rc = pci_driver(&lease->vf.pci, lease->driver);
	if (rc == 0 && has_mac(search, &table, index)) {
		(void)str_print(text, VF_WHY_MAX, "the adapter or another VF has the machine's MAC address already");
		return -EEXIST;
	}
	if (rc == 0)
		lease->original = table.vfs[index];
	else
		(void)str_print(text, VF_WHY_MAX, "its attributes cannot be read: %s", strerror(-rc));
	return rc;
}

/* Whether the job can have the VF. */
static bool is_fit(struct search *search, const struct candidate *candidate, unsigned int index)
{
	char why[VF_WHY_MAX] = "", text[VF_WHY_MAX + 64];
	struct vf_lease *lease = &search->found;
	int rc = vf_find(&candidate->pf.pci, index, &lease->vf);

	if (candidate->taken[index])
		return false;
	if (rc == 0 && !vf_nodes_have(search->nodes, vf_numa_node(&lease->vf))) {
		search->elsewhere++;
		return false;
	}
	if (rc == 0 && vf_is_free(&lease->vf, &search->addressed, why) && look(search, candidate, lease, why) == 0)
		return true;
	if (rc < 0)
		(void)str_print(why, sizeof(why), "sysfs does not know which PCI device it is: %s", strerror(-rc));
	(void)str_print(text, sizeof(text), "VF %u of %s: %s", index, candidate->pf.netdev, why);
	refuse(search, text);
	return false;
}

static int none_is_fit(struct search *search)
{
	const char *name = search->network->name, *separator = search->refused[0] ? "; " : "";

	if (search->pf_count > 0 && search->vfs == 0)
		return failure_set(&search->why, EXIT_NODE,
		                   "network %s: %s has no VFs: they are the administrator's to make (sriov_numvfs)",
		                   name, search->pfs[0].pf.netdev);
	(void)failure_set(&search->why, EXIT_NODE,
	                  "network %s: no VF is free: jobs have %u, %u are quarantined, %u on other NUMA nodes%s%s",
	                  name, search->leased, search->quarantined, search->elsewhere, separator, search->refused);
	return search->elsewhere > 0 ? -ENOENT : -EIO;
}

/* From the next VF on: all that asks the kernel for what it may never tell. -ESRCH, which no fork(2) says: none is fit.
 */
static int look_on(void *context)
{
	struct search *search = context;
	struct vf vf;

	for (; search->pf < search->pf_count; search->pf++, search->index = 0) {
		const struct candidate *candidate = &search->pfs[search->pf];

		for (; search->index < VF_MAX; search->index++) {
			if (vf_find(&candidate->pf.pci, search->index, &vf) == -ENOENT)
				break;
			if (candidate->hung[search->index] != search->again)
				continue;
			search->vfs += !search->again;
			if (is_fit(search, candidate, search->index))
				return 0;
		}
	}
	return -ESRCH;
}

/* What was being looked at is what is in the way. */
static void say_hung(struct search *search)
{
	(void)str_print(search->refused, sizeof(search->refused),
	                "VF %u of %s: the kernel does not answer; the node may have to be rebooted", search->hung_index,
	                search->pfs[search->hung_pf].pf.netdev);
}

/* The VF that was being looked at comes last. Returns whether there are others. */
static bool pass_over(struct search *search)
{
	if (search->pf < search->pf_count) {
		search->hung_pf = search->pf;
		search->hung_index = search->index++;
		search->pfs[search->hung_pf].hung[search->hung_index] = true;
		search->hung++;
	}
	return !search->again;
}

/* As long as there are others a VF has little time; those that took longer have what is left then. */
static int search_all(struct search *search)
{
	uint64_t deadline = clock_steady() + SEARCH_MS, now;
	int rc = vf_link_addressed(&search->addressed);

	if (rc < 0)
		return rc;
	while ((now = clock_steady()) < deadline) {
		unsigned int left = (unsigned int)(deadline - now);

		if (!search->again && left > PATIENCE_MS)
			left = PATIENCE_MS;
		rc = bounded_do(look_on, search, sizeof(*search), left);
		if (rc == -ETIMEDOUT && pass_over(search))
			continue;
		if (rc != -ESRCH || search->again || search->hung == 0)
			break;
		search->again = true;
		search->pf = search->index = 0;
	}
	if (rc == -ETIMEDOUT)
		say_hung(search);
	else if (rc == 0 && search->hung > 0 && !search->again)
		log_error("VF %u of %s: the kernel does not answer: the next job tries it again", search->hung_index,
		          search->pfs[search->hung_pf].pf.netdev);
	return rc == -ESRCH || rc == -ETIMEDOUT ? none_is_fit(search) : rc;
}

int vf_choose(int folder, const struct config_network *network, const struct vf_nodes *nodes, uint64_t mac,
              const char *own, struct vf_lease *lease, struct failure *why)
{
	static struct search search;
	int rc;

	search = (struct search){.network = network, .nodes = nodes, .mac = mac, .own = own};
	if (!mac_is_unicast(mac))
		return failure_set(why, EXIT_NODE, "network %s: its MAC address is none that a machine can have",
		                   network->name);
	find_pfs(&search);
	rc = vf_lease_each(folder, count_lease, &search);
	if (rc == -EEXIST)
		return failure_set(why, EXIT_NODE, "network %s: another job's VF has the machine's MAC address",
		                   network->name);
	find_missed(&search, folder);
	qsort(search.pfs, search.pf_count, sizeof(search.pfs[0]), compare);
	if (rc == 0)
		rc = search_all(&search);
	if (rc == 0)
		*lease = search.found;
	else if (search.why.code)
		*why = search.why;
	else
		(void)failure_set(why, EXIT_NODE, "network %s: which VF is free is not known: %s", network->name,
		                  strerror(-rc));
	return rc;
}
