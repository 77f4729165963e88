/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/rtnl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "common/mac.h"
#include "common/str.h"

int rtnl_open(struct rtnl *rtnl)
{
	int on = 1, rc;

	*rtnl = (struct rtnl){.sequence = (uint32_t)clock_steady()};
	rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!rtnl->socket)
		return -errno;
	if (mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		rc = -errno;
		rtnl_close(rtnl);
		return rc;
	}
	/* words with a refusal, and no copy of the request: kernels that cannot go without */
	(void)mnl_socket_setsockopt(rtnl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(rtnl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (rtnl->socket)
		(void)mnl_socket_close(rtnl->socket);
	rtnl->socket = NULL;
}

struct nlmsghdr *rtnl_begin(struct rtnl *rtnl, uint16_t type, uint16_t flags)
{
	rtnl->request = mnl_nlmsg_put_header(rtnl->space);
	rtnl->request->nlmsg_type = type;
	rtnl->request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	rtnl->request->nlmsg_seq = ++rtnl->sequence;
	return rtnl->request;
}

struct nlmsghdr *rtnl_begin_link(struct rtnl *rtnl, uint16_t type, unsigned char family, unsigned int index,
                                 unsigned int flags, unsigned int change)
{
	struct nlmsghdr *message = rtnl_begin(rtnl, type, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_family = family;
	info->ifi_index = (int)index;
	info->ifi_flags = flags;
	info->ifi_change = change;
	return message;
}

static int read_words(const struct nlattr *attribute, void *context)
{
	struct rtnl *rtnl = context;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		(void)str_print(rtnl->said, sizeof(rtnl->said), "%.120s", mnl_attr_get_str(attribute));
	str_printable(rtnl->said);
	return MNL_CB_OK;
}

/* What an acknowledgement says: 0 or the kernel's negative errno, with its words in said. */
static int read_acknowledgement(struct rtnl *rtnl, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return -EPROTO;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&error->msg);
	if (message->nlmsg_flags & NLM_F_ACK_TLVS)
		(void)mnl_attr_parse(message, (unsigned int)offset, read_words, rtnl);
	return error->error;
}

/* The messages of one answer. Returns 1 where the last was among them, 0, or a negative errno. */
static int read_answer(struct rtnl *rtnl, const char *answer, ssize_t length,
                       int (*each)(const struct nlmsghdr *message, void *context), void *context)
{
	const struct nlmsghdr *message = (const void *)answer;
	int left = (int)length, rc = 0;

	for (; rc == 0 && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (!mnl_nlmsg_seq_ok(message, rtnl->sequence))
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			rc = read_acknowledgement(rtnl, message);
			return rc == 0 ? 1 : rc;
		}
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (each)
			rc = each(message, context);
	}
	return rc;
}

int rtnl_ask(struct rtnl *rtnl, int (*each)(const struct nlmsghdr *message, void *context), void *context)
{
	static char answer[RTNL_ANSWER_MAX] __attribute__((aligned(8)));
	struct pollfd wait = {.fd = mnl_socket_get_fd(rtnl->socket), .events = POLLIN};
	uint64_t deadline = clock_steady() + RTNL_MS, now;
	int rc = 0;

	rtnl->said[0] = 0;
	if (mnl_socket_sendto(rtnl->socket, rtnl->request, rtnl->request->nlmsg_len) < 0)
		return -errno;
	while (rc == 0 && (now = clock_steady()) < deadline) {
		ssize_t length;

		if (poll(&wait, 1, (int)(deadline - now)) < 0 && errno != EINTR)
			return -errno;
		length = mnl_socket_recvfrom(rtnl->socket, answer, sizeof(answer));
		if (length > 0)
			rc = read_answer(rtnl, answer, length, each, context);
		else if (length < 0 && errno != EAGAIN && errno != EINTR)
			rc = -errno;
	}
	if (rc == 0)
		return -ETIMEDOUT;
	return rc < 0 ? rc : 0;
}

int rtnl_send(struct rtnl *rtnl)
{
	return rtnl_ask(rtnl, NULL, NULL);
}

static int read_bridge(const struct nlattr *attribute, void *context)
{
	struct rtnl_link *link = context;

	if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_FILTERING && mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
		link->vlan_filtering = mnl_attr_get_u8(attribute) != 0;
	else if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_DEFAULT_PVID &&
	         mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
		link->pvid = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int read_info(const struct nlattr *attribute, void *context)
{
	struct rtnl_link *link = context;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND && mnl_attr_validate(attribute, MNL_TYPE_STRING) >= 0)
		(void)str_print(link->kind, sizeof(link->kind), "%.*s",
		                (int)strnlen(mnl_attr_get_str(attribute), mnl_attr_get_payload_len(attribute)),
		                mnl_attr_get_str(attribute));
	else if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && strcmp(link->kind, "bridge") == 0)
		(void)mnl_attr_parse_nested(attribute, read_bridge, link);
	return MNL_CB_OK;
}

static int read_link_attribute(const struct nlattr *attribute, void *context)
{
	bool is_number = mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0;
	uint16_t type = mnl_attr_get_type(attribute);
	struct rtnl_link *link = context;

	if (type == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == MAC_BYTES)
		link->mac = mac_read(mnl_attr_get_payload(attribute));
	else if (type == IFLA_MTU && is_number)
		link->mtu = mnl_attr_get_u32(attribute);
	else if (type == IFLA_MASTER && is_number)
		link->master = mnl_attr_get_u32(attribute);
	else if (type == IFLA_LINKINFO)
		(void)mnl_attr_parse_nested(attribute, read_info, link);
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct rtnl_link *link = context;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return -EPROTO;
	*link = (struct rtnl_link){.index = (unsigned int)info->ifi_index, .flags = info->ifi_flags};
	(void)mnl_attr_parse(message, sizeof(*info), read_link_attribute, link);
	return 0;
}

int rtnl_find(struct rtnl *rtnl, const char *name, struct rtnl_link *link)
{
	struct nlmsghdr *message = rtnl_begin_link(rtnl, RTM_GETLINK, AF_UNSPEC, 0, 0, 0);
	int rc;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	link->index = 0;
	rc = rtnl_ask(rtnl, read_link, link);
	return rc == 0 && link->index == 0 ? -ENODEV : rc;
}

int rtnl_remove(struct rtnl *rtnl, unsigned int index)
{
	int rc;

	(void)rtnl_begin_link(rtnl, RTM_DELLINK, AF_UNSPEC, index, 0, 0);
	rc = rtnl_send(rtnl);
	return rc == -ENODEV ? 0 : rc;
}

int rtnl_up(struct rtnl *rtnl, unsigned int index)
{
	(void)rtnl_begin_link(rtnl, RTM_NEWLINK, AF_UNSPEC, index, IFF_UP, IFF_UP);
	return rtnl_send(rtnl);
}

void rtnl_put_mac(struct nlmsghdr *message, uint16_t type, uint64_t mac)
{
	uint8_t bytes[MAC_BYTES];

	mac_write(mac, bytes);
	mnl_attr_put(message, type, sizeof(bytes), bytes);
}

void rtnl_put_no_ipv6(struct nlmsghdr *message)
{
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(message, AF_INET6);

	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, ipv6);
	mnl_attr_nest_end(message, families);
}

int rtnl_failed(const struct rtnl *rtnl, int rc, const char *task, struct failure *why)
{
	return failure_set(why, EXIT_NODE, "%s: %s%s%s%s", task, strerror(-rc), rtnl->said[0] ? " (" : "", rtnl->said,
	                   rtnl->said[0] ? ")" : "");
}
