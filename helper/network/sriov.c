/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual function of the site's adapter. Its life: leased in prepare, which
 * knows neither the job's cores nor its NUMA nodes (then perhaps exchanged for
 * one on these), programmed through the adapter's driver, bound to vfio-pci,
 * the machine's, and given back by destroy (vf_release.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/log.h"
#include "common/str.h"
#include "helper/bounded.h"
#include "helper/journal.h"
#include "helper/network/network.h"
#include "helper/network/vf_choose.h"
#include "helper/network/vf_release.h"
#include "helper/state.h"
#include "helper/vfio.h"

#define JOURNAL "vf"
#define LOCK_MS 5000U
#define KERNEL_MS 30000U /* its drivers let go of a VF, take it, and set its attributes */
#define ARGUMENT_MAX 64U

/* A lease as the journal has it. */
struct line {
	struct pci_address pf;
	unsigned int index;
	char token[LEASE_TOKEN_SIZE];
};

static int line_parse(const char *argument, struct line *line)
{
	char pf[13], end = 0;

	if (sscanf(argument, "%12s %u %32[0-9a-f]%c", pf, &line->index, line->token, &end) != 3 ||
	    strlen(line->token) != LEASE_TOKEN_SIZE - 1 || line->index >= VF_MAX)
		return -EINVAL;
	return pci_parse(pf, &line->pf);
}

static int line_print(const struct vf_lease *lease, char *argument)
{
	return str_print(argument, ARGUMENT_MAX, "%s %u %s", lease->vf.pf.name, lease->vf.index, lease->base.token);
}

/* Add to what the record's VFs took; what `wnodes status` shows: all as vf_ms, its parts as vf_ms.PART. */
static int add_span(const struct network_request *request, const char *key, uint64_t ms)
{
	uint64_t spent = 0;

	(void)kv_get_u64(&request->record->kv, key, 0, UINT32_MAX, &spent);
	return kv_setf(&request->record->kv, key, "%" PRIu64, spent + ms);
}

/* For make(), and, without the token, for who asks which VF the machine has. */
static int note(const struct network_request *request, const struct vf_lease *lease, const char *argument)
{
	char key[32], vf[ARGUMENT_MAX];
	int rc = str_print(key, sizeof(key), "vf.%u", request->index);

	if (rc == 0)
		rc = kv_set(&request->record->kv, key, argument);
	if (rc == 0)
		rc = str_print(vf, sizeof(vf), "%s %u", lease->vf.pf.name, lease->vf.index);
	return rc == 0 ? network_set(request, "vf", vf) : rc;
}

/* Journalled, then on disk, then in the record: whatever is cut short, destroy finds all of it. */
static int take(const struct network_request *request, int folder, struct vf_lease *lease, struct failure *why)
{
	char argument[ARGUMENT_MAX], name[LEASE_NAME_SIZE];
	int rc;

	vf_lease_name(&lease->vf.pf, lease->vf.index, name);
	rc = lease_begin(&lease->base, name, request->record);
	if (rc == 0)
		rc = str_print(lease->network, sizeof(lease->network), "%s", request->network->name);
	if (rc == 0)
		rc = line_print(lease, argument);
	if (rc == 0)
		rc = journal_append(request->record->dirfd, JOURNAL, argument);
	if (rc == 0)
		rc = vf_lease_save(folder, lease, true);
	if (rc == 0)
		rc = note(request, lease, argument);
	return rc < 0 ? failure_set(why, EXIT_NODE, "network %s: the VF's lease cannot be written: %s",
	                            request->network->name, strerror(-rc))
	              : 0;
}

static int fail_folder(const struct network_request *request, int rc, struct failure *why)
{
	return failure_set(why, EXIT_NODE, "network %s: the leases of VFs: %s", request->network->name,
	                   rc == -EBUSY ? "another job does not come to an end with them" : strerror(-rc));
}

static int choose_and_take(const struct network_request *request, int folder, const struct vf_nodes *nodes,
                           const char *own, struct vf_lease *lease, struct failure *why)
{
	uint64_t mac;
	int lock, rc;

	if (network_get_mac(request, &mac) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	lock = lease_lock(folder, "lock", LOCK_MS);
	if (lock < 0)
		return fail_folder(request, lock, why);
	rc = vf_choose(folder, request->network, nodes, mac, own, lease, why);
	lease->mac = mac;
	if (rc == 0)
		rc = take(request, folder, lease, why);
	close(lock);
	return rc;
}

static int add_lease_span(const struct network_request *request, uint64_t ms)
{
	int rc = add_span(request, "vf_ms.lease", ms);

	return rc == 0 ? add_span(request, "vf_ms", ms) : rc;
}

static int sriov_lease(const struct network_request *request, struct failure *why)
{
	static const struct vf_nodes any = {.any = true};
	uint64_t begun = clock_steady();
	struct vf_lease lease = {0};
	int folder = lease_folder(&vf_lease_kind, true);
	int rc;

	if (folder < 0)
		return fail_folder(request, folder, why);
	rc = choose_and_take(request, folder, &any, NULL, &lease, why);
	close(folder);
	if (rc == 0)
		rc = add_lease_span(request, clock_steady() - begun);
	return rc < 0 && why->code == 0 ? failure_set(why, EXIT_NODE, "out of memory") : rc;
}

/* The NUMA nodes of the job's CPUs; any where Slurm binds it to none. */
static int job_nodes(const struct network_request *request, struct vf_nodes *nodes, struct failure *why)
{
	const char *cpus = kv_get(&request->record->kv, "cpuset");
	struct topology topology;
	int rc;

	*nodes = (struct vf_nodes){.any = true};
	if (request->network->numa == NETWORK_NUMA_IGNORE || !cpus)
		return 0;
	rc = topology_read(&topology, TOPOLOGY_SYSFS, cpus);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "network %s: the NUMA nodes of the job's CPUs: %s",
		                   request->network->name, strerror(-rc));
	nodes->any = false;
	nodes->count = topology.node_count;
	for (unsigned int i = 0; i < topology.node_count; i++)
		nodes->nodes[i] = topology.nodes[i].node;
	topology_free(&topology);
	return 0;
}

/* Another VF for the leased one, which nothing was done with yet. */
static int exchange(const struct network_request *request, int folder, const struct vf_nodes *nodes,
                    struct vf_lease *lease, struct failure *why)
{
	struct vf_lease other = {0};
	int rc = choose_and_take(request, folder, nodes, lease->base.token, &other, why);

	if (rc == 0)
		rc = record_save(request->record);
	if (rc == 0)
		rc = vf_release(&lease->vf.pf, lease->vf.index, lease->base.token, why);
	if (rc == 0)
		*lease = other;
	return rc;
}

/* Have the VF on the job's NUMA nodes, if it must be or can be. */
static int move(const struct network_request *request, int folder, struct vf_lease *lease, struct failure *why)
{
	struct failure found = {0};
	struct vf_nodes nodes;
	int rc = job_nodes(request, &nodes, why);

	if (rc < 0 || vf_nodes_have(&nodes, vf_numa_node(&lease->vf)))
		return rc;
	rc = exchange(request, folder, &nodes, lease, &found);
	if (rc < 0 && request->network->numa == NETWORK_NUMA_STRICT)
		return failure_set(why, EXIT_NODE, "on the NUMA nodes of the job's CPUs: %s", found.message);
	return 0;
}

/* The lease that the record has, if it still is this job's. */
static int find_lease(const struct network_request *request, int folder, struct vf_lease *lease, struct failure *why)
{
	const char *argument;
	struct line line;
	char key[32];
	int rc = str_print(key, sizeof(key), "vf.%u", request->index);

	argument = rc == 0 ? kv_get(&request->record->kv, key) : NULL;
	rc = argument ? line_parse(argument, &line) : -EINVAL;
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	rc = vf_lease_load(folder, &line.pf, line.index, lease);
	if (rc == 0 && (strcmp(lease->base.token, line.token) != 0 || lease->base.phase != LEASE_LEASED))
		rc = -ESTALE;
	return rc < 0 ? failure_set(why, EXIT_NODE, "network %s: VF %u of %s is no longer the job's: %s",
	                            request->network->name, line.index, line.pf.name, strerror(-rc))
	              : 0;
}

/* All that the site's policy says, whatever it was. */
static int wanted(const struct network_request *request, const struct vf_lease *lease, struct vf_attributes *attributes)
{
	const struct config_network *network = request->network;

	*attributes = (struct vf_attributes){.mac = lease->mac,
	                                     .vlan_proto = VF_VLAN_PROTO,
	                                     .spoofchk = network->spoofchk,
	                                     .trust = network->trust,
	                                     .max_tx_rate = network->max_tx_rate,
	                                     .link_state = IFLA_VF_LINK_STATE_AUTO};
	return network_get_vlan(request, &attributes->vlan);
}

/* What the hardware is to be, and is. */
struct programming {
	struct vf_lease lease;
	struct vf_attributes attributes;
	struct vf_pf pf;
	struct vf vf;
	unsigned int group;
	bool touched;
	uint64_t set_ms, bind_ms; /* what the two took */
	struct failure why;
};

/* Nothing has changed since the lease that would make it unfit. */
static int look_again(struct programming *is)
{
	static struct vf_addressed addressed;
	char problem[VF_WHY_MAX] = "";
	int rc = vf_pf_find(is->lease.vf.pf.name, &is->pf, &is->why);

	if (rc < 0)
		return rc;
	if (!vf_pf_is_up(&is->pf))
		return failure_set(&is->why, EXIT_NODE, "the adapter %s is down", is->pf.netdev);
	rc = vf_find(&is->lease.vf.pf, is->lease.vf.index, &is->vf);
	if (rc < 0)
		return failure_set(&is->why, EXIT_NODE, "VF %u of %s has vanished", is->lease.vf.index, is->pf.netdev);
	rc = vf_link_addressed(&addressed);
	if (rc < 0)
		return failure_set(&is->why, EXIT_NODE, "the host's addresses: %s", strerror(-rc));
	if (!vf_is_free(&is->vf, &addressed, problem))
		return failure_set(&is->why, EXIT_NODE, "VF %u of %s: %s", is->vf.index, is->pf.netdev, problem);
	return 0;
}

/* What the adapter says of it when it is the machine's. */
static int verify(struct programming *is)
{
	static struct vf_table table;
	unsigned int index = is->vf.index;
	int rc = vf_link_read(is->pf.ifindex, &table);

	if (rc < 0)
		return failure_set(&is->why, EXIT_NODE, "VF %u of %s: its attributes cannot be read: %s", index,
		                   is->pf.netdev, strerror(-rc));
	if (!table.known[index] || !vf_link_is(&table.vfs[index], &is->attributes))
		return failure_set(&is->why, EXIT_NODE,
		                   "VF %u of %s: binding it to " VFIO_DRIVER " changed its attributes", index,
		                   is->pf.netdev);
	return 0;
}

/* In one child, since each costs time: what takes longest of it is the kernel's. */
static int program(void *context)
{
	struct programming *is = context;
	uint64_t begun;
	int rc = look_again(is);

	if (rc < 0)
		return rc;
	is->touched = true;
	begun = clock_steady();
	rc = vf_link_write(is->pf.ifindex, is->vf.index, &is->attributes, &is->why);
	is->set_ms = clock_steady() - begun;
	if (rc == 0)
		rc = vfio_bind(&is->vf.pci, &is->group, &is->why);
	is->bind_ms = clock_steady() - begun - is->set_ms;
	return rc == 0 ? verify(is) : rc;
}

static int ask_kernel(struct programming *is, struct failure *why)
{
	int rc = bounded_do(program, is, sizeof(*is), KERNEL_MS);

	if (rc < 0 && is->why.code)
		*why = is->why;
	else if (rc < 0)
		(void)failure_set(why, EXIT_NODE, "VF %u of %s: %s", is->lease.vf.index, is->lease.vf.pf.name,
		                  rc == -ETIMEDOUT ? "the kernel does not answer; the node may have to be rebooted"
		                                   : strerror(-rc));
	return rc;
}

/* The hardware, under the VF's lock: the lease says so first. */
static int make_ready(const struct network_request *request, int folder, struct programming *is, struct failure *why)
{
	int rc;

	if (wanted(request, &is->lease, &is->attributes) < 0)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	rc = vf_lease_set_phase(folder, &is->lease, LEASE_PROGRAMMING);
	if (rc == 0 && ask_kernel(is, why) < 0) {
		/* what the host has begun to use, or what has gone, is not put back */
		if (!is->touched)
			(void)vf_lease_set_phase(folder, &is->lease, LEASE_LEASED);
		return -EIO;
	}
	is->lease.vf = is->vf;
	if (rc == 0)
		rc = vf_lease_set_phase(folder, &is->lease, LEASE_READY);
	return rc < 0 ? fail_folder(request, rc, why) : 0;
}

static int describe(const struct network_request *request, const struct programming *is, struct kv *machine,
                    struct failure *why)
{
	int rc = add_span(request, "vf_ms.set", is->set_ms);

	if (rc == 0)
		rc = add_span(request, "vf_ms.bind", is->bind_ms);
	if (rc == 0)
		rc = network_put(request, machine, "pci", is->lease.vf.pci.name);
	if (rc < 0 || vfio_describe(machine, is->group) < 0)
		return failure_set(why, EXIT_NODE, "network %s: too many VFIO groups", request->network->name);
	return 0;
}

static int hand_over(const struct network_request *request, int folder, struct kv *machine, struct failure *why)
{
	static struct programming is;
	int lock, rc;

	is = (struct programming){0};
	rc = find_lease(request, folder, &is.lease, why);
	if (rc == 0)
		rc = move(request, folder, &is.lease, why);
	if (rc < 0)
		return rc;
	lock = vf_lease_lock_vf(folder, &is.lease.vf.pf, is.lease.vf.index, LOCK_MS);
	if (lock < 0)
		return fail_folder(request, lock, why);
	rc = make_ready(request, folder, &is, why);
	close(lock);
	return rc == 0 ? describe(request, &is, machine, why) : rc;
}

static int sriov_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	uint64_t begun = clock_steady();
	int folder = lease_folder(&vf_lease_kind, true);
	int rc;

	if (folder < 0)
		return fail_folder(request, folder, why);
	rc = hand_over(request, folder, machine, why);
	close(folder);
	if (rc == 0)
		rc = add_span(request, "vf_ms", clock_steady() - begun);
	if (rc == 0)
		(void)state_mark(request->record, "vf");
	return rc < 0 && why->code == 0 ? failure_set(why, EXIT_NODE, "out of memory") : rc;
}

static int sriov_remove(const char *argument, bool old_boot)
{
	char name[LEASE_NAME_SIZE];
	struct failure why = {0};
	struct line line;
	int rc = line_parse(argument, &line);

	/* one of another boot that can be read is void by itself */
	if (rc == 0 && old_boot) {
		vf_lease_name(&line.pf, line.index, name);
		rc = lease_drop_torn(&vf_lease_kind, name);
	}
	if (rc == 0)
		rc = vf_release(&line.pf, line.index, line.token, &why);
	if (rc < 0 && why.code)
		log_error("%s", why.message);
	return rc;
}

/* The adapter, and whether one of its VFs could be a machine's: others may be the host's own. */
static int check_pf(const char *name, struct failure *why)
{
	struct failure first = {0};
	unsigned int index, group;
	struct vf_pf pf;
	struct vf vf;
	int rc = vf_pf_find(name, &pf, why);

	if (rc < 0)
		return rc;
	if (!vf_pf_is_up(&pf))
		return failure_set(why, EXIT_NODE, "the adapter %s is down (ip link set %s up)", name, pf.netdev);
	for (index = 0; (rc = vf_find(&pf.pci, index, &vf)) == 0 || rc == -ESTALE; index++) {
		struct failure found = {0};

		if (rc < 0)
			(void)failure_set(&found, EXIT_NODE, "sysfs does not know which PCI device VF %u is", index);
		else
			rc = vfio_check(&vf.pci, &group, &found);
		if (rc == 0)
			return 0;
		if (index == 0 || rc == -ETIMEDOUT)
			first = found;
		/* the others may take as long */
		if (rc == -ETIMEDOUT)
			break;
	}
	if (!first.code)
		return failure_set(why, EXIT_NODE, "the adapter %s has no VFs (sriov_numvfs)", name);
	return failure_set(why, EXIT_NODE, "the adapter %s: %.400s", name, first.message);
}

static int sriov_check(const struct config *config, const struct config_network *network, struct failure *why)
{
	int rc = 0;

	(void)config;
	for (unsigned int i = 0; rc == 0 && i < network->pf_count; i++)
		rc = check_pf(network->pfs[i], why);
	return rc;
}

const struct network_ops network_sriov = {.type = "sriov",
                                          .lease = sriov_lease,
                                          .make = sriov_make,
                                          .check = sriov_check,
                                          .journal = JOURNAL,
                                          .remove = sriov_remove};
