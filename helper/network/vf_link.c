/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/vf_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/mac.h"
#include "helper/bounded.h"
#include "helper/network/rtnl.h"

#define READ_MS 5000U
#define WRITE_MS 8000U
#define BUSY_MS 1000U

/* The payload of an attribute that has at least size bytes; NULL. */
static const void *payload(const struct nlattr *attribute, size_t size)
{
	return mnl_attr_get_payload_len(attribute) >= size ? mnl_attr_get_payload(attribute) : NULL;
}

static void parse_setting(const struct nlattr *attribute, int *setting)
{
	/* ifla_vf_spoofchk and ifla_vf_trust are alike */
	const struct ifla_vf_trust *value = payload(attribute, sizeof(*value));

	if (value)
		*setting = value->setting == 0 || value->setting == 1 ? (int)value->setting : -1;
}

static int parse_vlan(const struct nlattr *attribute, void *context)
{
	const struct ifla_vf_vlan_info *value = payload(attribute, sizeof(*value));
	struct vf_attributes *vf = context;

	if (value && mnl_attr_get_type(attribute) == IFLA_VF_VLAN_INFO)
		vf->vlan_proto = ntohs(value->vlan_proto);
	return MNL_CB_OK;
}

static void parse_attribute(const struct nlattr *attribute, struct vf_attributes *vf)
{
	const struct ifla_vf_vlan *vlan;
	const struct ifla_vf_rate *rate;
	const struct ifla_vf_link_state *state;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_VF_VLAN:
		vlan = payload(attribute, sizeof(*vlan));
		vf->vlan = vlan ? (uint16_t)vlan->vlan : 0;
		vf->qos = vlan ? vlan->qos : 0;
		break;
	case IFLA_VF_VLAN_LIST:
		(void)mnl_attr_parse_nested(attribute, parse_vlan, vf);
		break;
	case IFLA_VF_SPOOFCHK:
		parse_setting(attribute, &vf->spoofchk);
		break;
	case IFLA_VF_TRUST:
		parse_setting(attribute, &vf->trust);
		break;
	case IFLA_VF_RATE:
		rate = payload(attribute, sizeof(*rate));
		vf->min_tx_rate = rate ? rate->min_tx_rate : 0;
		vf->max_tx_rate = rate ? rate->max_tx_rate : 0;
		break;
	case IFLA_VF_LINK_STATE:
		state = payload(attribute, sizeof(*state));
		vf->link_state = state ? state->link_state : IFLA_VF_LINK_STATE_AUTO;
		break;
	default:
		break;
	}
}

/* One VF; its MAC says which. */
struct parsed {
	const struct ifla_vf_mac *mac;
	struct vf_attributes vf;
};

static int parse_part(const struct nlattr *attribute, void *context)
{
	struct parsed *parsed = context;

	if (mnl_attr_get_type(attribute) == IFLA_VF_MAC)
		parsed->mac = payload(attribute, sizeof(*parsed->mac));
	else
		parse_attribute(attribute, &parsed->vf);
	return MNL_CB_OK;
}

static int parse_vf(const struct nlattr *info, void *context)
{
	struct parsed parsed = {.vf = {.spoofchk = -1, .trust = -1, .vlan_proto = VF_VLAN_PROTO}};
	struct vf_table *table = context;
	uint32_t index;

	if (mnl_attr_get_type(info) != IFLA_VF_INFO)
		return MNL_CB_OK;
	if (mnl_attr_parse_nested(info, parse_part, &parsed) < 0 || !parsed.mac || parsed.mac->vf >= VF_MAX)
		return MNL_CB_ERROR;
	index = parsed.mac->vf;
	parsed.vf.mac = mac_read(parsed.mac->mac);
	table->known[index] = true;
	table->vfs[index] = parsed.vf;
	if (index >= table->count)
		table->count = index + 1;
	return MNL_CB_OK;
}

static int parse_link(const struct nlattr *attribute, void *context)
{
	const uint8_t *mac = payload(attribute, MAC_BYTES);
	struct vf_table *table = context;

	if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && mac)
		table->pf_mac = mac_read(mac);
	if (mnl_attr_get_type(attribute) == IFLA_VFINFO_LIST)
		return mnl_attr_parse_nested(attribute, parse_vf, table);
	return MNL_CB_OK;
}

int vf_link_parse(const struct nlmsghdr *message, struct vf_table *table)
{
	*table = (struct vf_table){0};
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return -EPROTO;
	return mnl_attr_parse(message, sizeof(struct ifinfomsg), parse_link, table) < 0 ? -EPROTO : 0;
}

static int read_table(const struct nlmsghdr *message, void *context)
{
	return vf_link_parse(message, context);
}

static int table_get(struct rtnl *rtnl, int ifindex, struct vf_table *table)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_GETLINK, AF_UNSPEC, (unsigned int)ifindex, 0, 0);

	*table = (struct vf_table){0};
	mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	return rtnl_ask(rtnl, read_table, table);
}

struct reading {
	int ifindex;
	struct vf_table table;
};

static int do_read(void *context)
{
	struct reading *reading = context;
	static struct rtnl rtnl;
	int rc = rtnl_open(&rtnl);

	if (rc == 0)
		rc = table_get(&rtnl, reading->ifindex, &reading->table);
	rtnl_close(&rtnl);
	return rc;
}

int vf_link_read(int ifindex, struct vf_table *table)
{
	static struct reading reading;
	int rc;

	reading = (struct reading){.ifindex = ifindex};
	rc = bounded_do(do_read, &reading, sizeof(reading), READ_MS);
	*table = reading.table;
	return rc;
}

static int read_address(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
	struct vf_addressed *addressed = context;

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*address))
		return -EPROTO;
	if (addressed->count == VF_LINK_ADDRESSED)
		return -E2BIG;
	addressed->ifindex[addressed->count++] = (int)address->ifa_index;
	return 0;
}

static int do_addressed(void *context)
{
	static struct rtnl rtnl;
	struct ifaddrmsg *all;
	int rc = rtnl_open(&rtnl);

	if (rc < 0)
		return rc;
	all = mnl_nlmsg_put_extra_header(rtnl_begin(&rtnl, RTM_GETADDR, NLM_F_DUMP), sizeof(*all));
	all->ifa_family = AF_UNSPEC;
	rc = rtnl_ask(&rtnl, read_address, context);
	rtnl_close(&rtnl);
	return rc;
}

int vf_link_addressed(struct vf_addressed *addressed)
{
	*addressed = (struct vf_addressed){0};
	return bounded_do(do_addressed, addressed, sizeof(*addressed), READ_MS);
}

static bool same_setting(int is, int wanted)
{
	return (is == 1) == (wanted == 1);
}

static bool same_vlan(const struct vf_attributes *is, const struct vf_attributes *wanted)
{
	return is->vlan == wanted->vlan && is->qos == wanted->qos &&
	       (is->vlan == 0 || is->vlan_proto == wanted->vlan_proto);
}

/* The parts, in the order in which they are set: a driver may refuse another MAC once the VF is not trusted. */
enum part { PART_RATE, PART_MAC, PART_VLAN, PART_SPOOFCHK, PART_TRUST, PART_LINK, PARTS };

static const char *const part_names[PARTS] = {"transmit rate", "MAC address", "VLAN",
                                              "spoofchk",      "trust",       "link state"};

static bool same_part(enum part part, const struct vf_attributes *is, const struct vf_attributes *wanted)
{
	switch (part) {
	case PART_RATE:
		return is->min_tx_rate == wanted->min_tx_rate && is->max_tx_rate == wanted->max_tx_rate;
	case PART_MAC:
		return is->mac == wanted->mac;
	case PART_VLAN:
		return same_vlan(is, wanted);
	case PART_SPOOFCHK:
		return same_setting(is->spoofchk, wanted->spoofchk);
	case PART_TRUST:
		return same_setting(is->trust, wanted->trust);
	default:
		return is->link_state == wanted->link_state;
	}
}

bool vf_link_is(const struct vf_attributes *is, const struct vf_attributes *wanted)
{
	for (unsigned int part = 0; part < PARTS; part++)
		if (!same_part((enum part)part, is, wanted))
			return false;
	return true;
}

static void put_vlan(struct nlmsghdr *message, unsigned int index, const struct vf_attributes *wanted)
{
	const struct ifla_vf_vlan vlan = {.vf = index, .vlan = wanted->vlan, .qos = wanted->qos};
	const struct ifla_vf_vlan_info info = {
	        .vf = index, .vlan = wanted->vlan, .qos = wanted->qos, .vlan_proto = htons(wanted->vlan_proto)};
	struct nlattr *list;

	if (wanted->vlan == 0 || wanted->vlan_proto == VF_VLAN_PROTO) {
		mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
		return;
	}
	list = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
	mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(message, list);
}

static void put_part(struct nlmsghdr *message, enum part part, unsigned int index, const struct vf_attributes *wanted)
{
	struct ifla_vf_mac mac = {.vf = index};
	const struct ifla_vf_rate rate = {
	        .vf = index, .min_tx_rate = wanted->min_tx_rate, .max_tx_rate = wanted->max_tx_rate};
	const struct ifla_vf_spoofchk spoofchk = {.vf = index, .setting = wanted->spoofchk == 1};
	const struct ifla_vf_trust trust = {.vf = index, .setting = wanted->trust == 1};
	const struct ifla_vf_link_state state = {.vf = index, .link_state = wanted->link_state};

	mac_write(wanted->mac, mac.mac);
	if (part == PART_RATE)
		mnl_attr_put(message, IFLA_VF_RATE, sizeof(rate), &rate);
	else if (part == PART_MAC)
		mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	else if (part == PART_VLAN)
		put_vlan(message, index, wanted);
	else if (part == PART_SPOOFCHK)
		mnl_attr_put(message, IFLA_VF_SPOOFCHK, sizeof(spoofchk), &spoofchk);
	else if (part == PART_TRUST)
		mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trust), &trust);
	else
		mnl_attr_put(message, IFLA_VF_LINK_STATE, sizeof(state), &state);
}

struct writing {
	int ifindex;
	unsigned int index;
	struct vf_attributes wanted;
	struct failure why;
	struct vf_table table;
};

static int set_part(struct rtnl *rtnl, const struct writing *writing, enum part part)
{
	uint64_t deadline = clock_steady() + BUSY_MS;
	int rc;

	for (;;) {
		struct nlmsghdr *message =
		        rtnl_begin_link(rtnl, RTM_SETLINK, AF_UNSPEC, (unsigned int)writing->ifindex, 0, 0);
		struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
		struct nlattr *info = mnl_attr_nest_start(message, IFLA_VF_INFO);

		put_part(message, part, writing->index, &writing->wanted);
		mnl_attr_nest_end(message, info);
		mnl_attr_nest_end(message, list);
		rc = rtnl_send(rtnl);
		if ((rc != -EBUSY && rc != -EAGAIN) || clock_steady() >= deadline)
			return rc;
		clock_nap(20);
	}
}

/* The attributes that the VF has now; -ENODEV where it is gone. */
static int get_one(struct rtnl *rtnl, struct writing *writing, struct vf_attributes *is)
{
	int rc = table_get(rtnl, writing->ifindex, &writing->table);

	if (rc == 0 && !writing->table.known[writing->index])
		rc = -ENODEV;
	if (rc < 0) {
		(void)failure_set(&writing->why, EXIT_NODE, "VF %u's attributes cannot be read: %s", writing->index,
		                  strerror(-rc));
		return rc == -ENODEV ? rc : -EIO;
	}
	*is = writing->table.vfs[writing->index];
	return 0;
}

static bool is_isolation(enum part part)
{
	return part == PART_MAC || part == PART_VLAN || part == PART_SPOOFCHK || part == PART_TRUST;
}

/* What isolates is set although it seems to be so; other things only where they differ. */
static int set_all(struct rtnl *rtnl, struct writing *writing, const struct vf_attributes *was)
{
	for (unsigned int i = 0; i < PARTS; i++) {
		enum part part = (enum part)i;
		bool same = same_part(part, was, &writing->wanted);
		int rc = same && !is_isolation(part) ? 0 : set_part(rtnl, writing, part);

		/* what a driver cannot set it need not, where it is so */
		if (rc < 0 && !(same && rc == -EOPNOTSUPP)) {
			(void)failure_set(&writing->why, EXIT_NODE, "VF %u's %s cannot be set: %s%s%s", writing->index,
			                  part_names[part], strerror(-rc), rtnl->said[0] ? ": " : "", rtnl->said);
			return rc == -ENODEV ? rc : -EIO;
		}
	}
	return 0;
}

static int do_write(void *context)
{
	struct writing *writing = context;
	struct vf_attributes is = {0};
	static struct rtnl rtnl;
	int rc = rtnl_open(&rtnl);

	if (rc < 0)
		return rc;
	rc = get_one(&rtnl, writing, &is);
	if (rc == 0)
		rc = set_all(&rtnl, writing, &is);
	if (rc == 0)
		rc = get_one(&rtnl, writing, &is);
	for (unsigned int part = 0; rc == 0 && part < PARTS; part++)
		if (!same_part((enum part)part, &is, &writing->wanted))
			rc = failure_set(&writing->why, EXIT_NODE, "VF %u's %s reads back as another than was set",
			                 writing->index, part_names[part]);
	rtnl_close(&rtnl);
	return rc;
}

int vf_link_write(int ifindex, unsigned int index, const struct vf_attributes *wanted, struct failure *why)
{
	static struct writing writing;
	int rc;

	writing = (struct writing){.ifindex = ifindex, .index = index, .wanted = *wanted};
	rc = index < VF_MAX ? bounded_do(do_write, &writing, sizeof(writing), WRITE_MS) : -ENODEV;
	if (rc == 0)
		return 0;
	if (writing.why.code)
		*why = writing.why;
	else
		(void)failure_set(why, EXIT_NODE, "VF %u cannot be programmed: %s", index, strerror(-rc));
	return rc == -ENODEV ? rc : -EIO;
}
