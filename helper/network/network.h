/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a machine is connected. Each kind is a file here with one struct of
 * functions; it only reads its struct config_network. What was decided for a
 * job is in its record as network.I.KEY, I from 0: name, type, mac, vlan (0:
 * none) and address (CIDR; with a pool). What a kind adds to these, of its own
 * keys or the MAC in lease(), it sets with network_set().
 */
#ifndef WNODES_HELPER_NETWORK_NETWORK_H
#define WNODES_HELPER_NETWORK_NETWORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/kv.h"
#include "common/network_option.h"
#include "helper/config.h"
#include "helper/failure.h"
#include "helper/record.h"

struct network_request {
	const struct config *config;
	const struct config_network *network;
	struct record *record; /* the caller writes it to disk; its journal is written with journal_append() */
	unsigned int index;    /* of the job's networks, from 0 */
	uid_t uid;             /* the job's user */
	gid_t gid;
};

struct network_ops {
	const char *type; /* in wnodes.conf, and `network.I.kind` of the machine description */

	/**
	 * In prepare: claim what must be claimed (a VF), journalled first. Takes
	 * less than a second. Returns 0 or a negative errno with why. May be NULL.
	 */
	int (*lease)(const struct network_request *request, struct failure *why);

	/**
	 * In start's detached half, which knows the job's CPUs (the record's
	 * `cpuset`): make what the network needs on the host, journalled first,
	 * and add the kind's own lines of the description (network_put()); kind,
	 * mac and what the guest is to know are there already or come from the
	 * record afterwards. The description's uuid is set. Returns 0 or a
	 * negative errno with why.
	 */
	int (*make)(const struct network_request *request, struct kv *machine, struct failure *why);

	/**
	 * For `wnodes check`: what this node must have for the network. Returns 0
	 * or a negative errno with why, without the network's name. May be NULL.
	 */
	int (*check)(const struct config *config, const struct config_network *network, struct failure *why);

	/** The kind of its journal's lines; NULL: it has none. */
	const char *journal;

	/**
	 * Undo what one of these lines says, when no process of the machine is
	 * left; after a reboot (old_boot) only what that has left. Returns 0, also
	 * where nothing is there, or a negative errno.
	 */
	int (*remove)(const char *argument, bool old_boot);
};

extern const struct network_ops network_none, network_user, network_bridge, network_macvtap, network_sriov;

/** The kind of that type, NULL where there is none. */
const struct network_ops *network_find(const char *type);

/** The kind that writes such lines of the journal, NULL where there is none. */
const struct network_ops *network_find_journal(const char *kind);

/** The record's network.I.key; NULL where there is none. */
const char *network_get(const struct network_request *request, const char *key);

/** The NIC's MAC, which is unicast, and its VLAN, 0 for none, as the record has them. Return 0 or -EINVAL. */
int network_get_mac(const struct network_request *request, uint64_t *mac);
int network_get_vlan(const struct network_request *request, uint16_t *vlan);

/** Set the record's network.I.key, NULL removes it; it is not written to disk yet. Returns 0 or a negative errno. */
int network_set(const struct network_request *request, const char *key, const char *value);

/** Set the description's network.I.key. Returns 0 or a negative errno. */
int network_put(const struct network_request *request, struct kv *machine, const char *key, const char *value);

/** A name for a netdev of the machine into name[IFNAMSIZ]: wn, 8 digits of its uuid, - and index. 0 or -EINVAL. */
int network_netdev(const struct network_request *request, const struct kv *machine, char *name);

#endif
