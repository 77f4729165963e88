/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/rtnetlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel's interface, as linux/netlink.h and linux/rtnetlink.h have it: musl comes without them. */
#define NETLINK_ROUTE 0
#define NLM_F_REQUEST 1U
#define NLM_F_ACK 4U
#define NLM_F_DUMP 0x300U
#define NLM_F_EXCL 0x200U
#define NLM_F_CREATE 0x400U
#define NLMSG_ERROR 2
#define NLMSG_DONE 3
#define RTM_NEWLINK 16
#define RTM_GETLINK 18
#define RTM_NEWADDR 20
#define RTM_DELADDR 21
#define RTM_GETADDR 22
#define RTM_NEWROUTE 24
#define RTM_GETROUTE 26
#define RTMGRP_ALL (1U | 0x10U | 0x40U | 0x100U | 0x400U) /* links, addresses and routes of IPv4 and IPv6 */
#define IFLA_ADDRESS 1
#define IFLA_IFNAME 3
#define IFLA_MTU 4
#define IFA_ADDRESS 1
#define IFA_LOCAL 2
#define IFA_BROADCAST 4
#define IFA_F_NODAD 0x02U
#define IFA_F_DADFAILED 0x08U
#define IFA_F_TENTATIVE 0x40U
#define RTA_OIF 4
#define RTA_GATEWAY 5
#define RTA_PRIORITY 6
#define RT_TABLE_MAIN 254
#define RTPROT_STATIC 4
#define RTN_UNICAST 1
#define RTNH_F_ONLINK 4U
#define RT_SCOPE_LINK 253
#define ARPHRD_ETHER 1
#define IFF_UP 1U
#define IFF_RUNNING 0x40U
#define IFF_LOWER_UP 0x10000U /* the carrier, at once; IFF_RUNNING comes and goes a moment later */
#define IFF_CARRIER (IFF_UP | IFF_RUNNING | IFF_LOWER_UP)
#define ALIGNED(length) (((length) + 3U) & ~3U)

struct sockaddr_netlink {
	uint16_t family, zero;
	uint32_t port, groups;
};

struct header {
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
};

struct link_body {
	uint8_t family, zero;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};

struct address_body {
	uint8_t family, prefix, flags, scope;
	uint32_t index;
};

struct route_body {
	uint8_t family, dst_prefix, src_prefix, tos, table, protocol, scope, type;
	uint32_t flags;
};

struct attribute {
	uint16_t length, type;
};

#define BODY_MAX 192U
#define ANSWER_MAX 32768U /* bytes of one, at most: the kernel fills what it is given */
#define ANSWER_SECONDS 5
#define SAME_MAC_MAX 8U

struct request {
	struct header header;
	uint8_t body[BODY_MAX];
};

static void begin(struct request *request, uint16_t type, unsigned int flags, const void *body, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.type = type;
	request->header.flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header.length = (uint32_t)(sizeof(request->header) + ALIGNED(size));
	memcpy(request->body, body, size);
}

static void add(struct request *request, uint16_t type, const void *bytes, size_t size)
{
	const struct attribute attribute = {.length = (uint16_t)(sizeof(attribute) + size), .type = type};
	uint8_t *to = (uint8_t *)request + request->header.length;

	memcpy(to, &attribute, sizeof(attribute));
	memcpy(to + sizeof(attribute), bytes, size);
	request->header.length += (uint32_t)ALIGNED(sizeof(attribute) + size);
}

static void add_u32(struct request *request, uint16_t type, uint32_t number)
{
	add(request, type, &number, sizeof(number));
}

static int open_socket(int flags, uint32_t groups)
{
	const struct sockaddr_netlink own = {.family = AF_NETLINK, .groups = groups};
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Called with each message of an answer, of size bytes behind its header. */
typedef void (*take_fn)(uint16_t type, const uint8_t *body, size_t size, void *context);

/* Returns 1 where the answer goes on, else 0 or the kernel's negative errno. */
static int take_answer(const uint8_t *at, size_t left, take_fn take, void *context)
{
	struct header header;
	int32_t error;

	while (left >= sizeof(header)) {
		memcpy(&header, at, sizeof(header));
		if (header.length < sizeof(header) || header.length > left)
			return -EPROTO;
		if (header.type == NLMSG_DONE)
			return 0;
		if (header.type == NLMSG_ERROR) {
			if (header.length < sizeof(header) + sizeof(error))
				return -EPROTO;
			memcpy(&error, at + sizeof(header), sizeof(error));
			return error;
		}
		if (take)
			take(header.type, at + sizeof(header), header.length - sizeof(header), context);
		if (ALIGNED(header.length) >= left)
			break;
		left -= ALIGNED(header.length);
		at += ALIGNED(header.length);
	}
	return 1;
}

/* Send the request and take its answer, to the end. */
static int ask(struct request *request, take_fn take, void *context)
{
	const struct sockaddr_netlink kernel = {.family = AF_NETLINK};
	static uint8_t answer[ANSWER_MAX];
	struct sockaddr_netlink from = {0};
	socklen_t size;
	ssize_t length;
	int fd = open_socket(0, 0), rc = 1;

	if (fd < 0)
		return fd;
	if (sendto(fd, request, request->header.length, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		rc = -errno;
	while (rc == 1) {
		size = sizeof(from);
		length = recvfrom(fd, answer, sizeof(answer), 0, (struct sockaddr *)&from, &size);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
		else if (from.port == 0)
			rc = take_answer(answer, (size_t)length, take, context);
	}
	close(fd);
	return rc;
}

static int command(struct request *request)
{
	request->header.flags |= NLM_F_ACK;
	return ask(request, NULL, NULL);
}

/* The attribute of the type among those at bytes[size], of at least `least` bytes; NULL where there is none. */
static const uint8_t *find(const uint8_t *bytes, size_t size, uint16_t type, size_t least, size_t *length)
{
	struct attribute attribute;

	while (size >= sizeof(attribute)) {
		memcpy(&attribute, bytes, sizeof(attribute));
		if (attribute.length < sizeof(attribute) || attribute.length > size)
			return NULL;
		*length = attribute.length - sizeof(attribute);
		if (attribute.type == type)
			return *length >= least ? bytes + sizeof(attribute) : NULL;
		if (ALIGNED(attribute.length) >= size)
			return NULL;
		size -= ALIGNED(attribute.length);
		bytes += ALIGNED(attribute.length);
	}
	return NULL;
}

int rtnetlink_listen(void)
{
	return open_socket(SOCK_NONBLOCK, RTMGRP_ALL);
}

void rtnetlink_drain(int fd)
{
	static uint8_t unread[ANSWER_MAX];

	/* ENOBUFS: more had come than is kept; there are news, too */
	while (recv(fd, unread, sizeof(unread), 0) >= 0 || errno == EINTR || errno == ENOBUFS)
		;
}

struct search {
	const uint8_t *mac;
	struct rtnetlink_link *link; /* the oldest */
	uint32_t same[SAME_MAC_MAX]; /* the numbers of all */
	size_t count;
	struct rtnetlink_state state;
};

static void describe(struct rtnetlink_link *link, const struct link_body *body, const uint8_t *attributes, size_t size)
{
	const uint8_t *value;
	size_t length;

	*link = (struct rtnetlink_link){.index = (unsigned int)body->index, .is_up = body->flags & IFF_UP};
	value = find(attributes, size, IFLA_MTU, sizeof(link->mtu), &length);
	if (value)
		memcpy(&link->mtu, value, sizeof(link->mtu));
	value = find(attributes, size, IFLA_IFNAME, 1, &length);
	if (value)
		memcpy(link->name, value, length < sizeof(link->name) ? length : sizeof(link->name) - 1);
}

static void take_link(uint16_t type, const uint8_t *bytes, size_t size, void *context)
{
	struct search *search = context;
	struct link_body body;
	const uint8_t *mac;
	size_t length;

	if (type != RTM_NEWLINK || size < sizeof(body))
		return;
	memcpy(&body, bytes, sizeof(body));
	bytes += sizeof(body);
	size -= sizeof(body);
	mac = find(bytes, size, IFLA_ADDRESS, RTNETLINK_MAC, &length);
	if (body.type != ARPHRD_ETHER || body.index <= 0 || !mac || length != RTNETLINK_MAC ||
	    memcmp(mac, search->mac, RTNETLINK_MAC) != 0)
		return;
	if (search->link && (search->count == 0 || (unsigned int)body.index < search->link->index))
		describe(search->link, &body, bytes, size);
	search->state.carrier |= (body.flags & IFF_CARRIER) == IFF_CARRIER;
	if (search->count < SAME_MAC_MAX)
		search->same[search->count++] = (uint32_t)body.index;
}

static int find_links(struct search *search)
{
	const struct link_body all = {0};
	struct request request;

	begin(&request, RTM_GETLINK, NLM_F_DUMP, &all, sizeof(all));
	return ask(&request, take_link, search);
}

int rtnetlink_find(const uint8_t mac[RTNETLINK_MAC], struct rtnetlink_link *link)
{
	struct search search = {.mac = mac, .link = link};
	int rc = find_links(&search);

	if (rc < 0)
		return rc;
	return search.count > 0 ? 0 : -ENODEV;
}

static bool is_one_of(const struct search *search, uint32_t index)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->same[i] == index)
			return true;
	return false;
}

static void take_address(uint16_t type, const uint8_t *bytes, size_t size, void *context)
{
	struct search *search = context;
	struct address_body body;

	if (type != RTM_NEWADDR || size < sizeof(body))
		return;
	memcpy(&body, bytes, sizeof(body));
	if (body.scope < RT_SCOPE_LINK && !(body.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
	    is_one_of(search, body.index))
		search->state.address = true;
}

static void take_route(uint16_t type, const uint8_t *bytes, size_t size, void *context)
{
	struct search *search = context;
	struct route_body body;
	const uint8_t *value;
	uint32_t index;
	size_t length;

	if (type != RTM_NEWROUTE || size < sizeof(body))
		return;
	memcpy(&body, bytes, sizeof(body));
	if (body.dst_prefix != 0 || body.table != RT_TABLE_MAIN || body.type != RTN_UNICAST)
		return;
	value = find(bytes + sizeof(body), size - sizeof(body), RTA_OIF, sizeof(index), &length);
	if (!value)
		return;
	memcpy(&index, value, sizeof(index));
	search->state.route |= is_one_of(search, index);
}

int rtnetlink_look(const uint8_t mac[RTNETLINK_MAC], struct rtnetlink_state *state)
{
	const struct address_body addresses = {0};
	const struct route_body routes = {0};
	struct search search = {.mac = mac};
	struct request request;
	int rc = find_links(&search);

	if (rc == 0 && search.count > 0) {
		begin(&request, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
		rc = ask(&request, take_address, &search);
	}
	if (rc == 0 && search.count > 0) {
		begin(&request, RTM_GETROUTE, NLM_F_DUMP, &routes, sizeof(routes));
		rc = ask(&request, take_route, &search);
	}
	*state = search.state;
	return rc;
}

int rtnetlink_set_up(unsigned int index, bool up)
{
	const struct link_body body = {.index = (int32_t)index, .flags = up ? IFF_UP : 0, .change = IFF_UP};
	struct request request;

	begin(&request, RTM_NEWLINK, 0, &body, sizeof(body));
	return command(&request);
}

int rtnetlink_set_mtu(unsigned int index, unsigned int mtu)
{
	const struct link_body body = {.index = (int32_t)index};
	struct request request;

	begin(&request, RTM_NEWLINK, 0, &body, sizeof(body));
	add_u32(&request, IFLA_MTU, mtu);
	return command(&request);
}

static size_t address_size(const struct rtnetlink_address *address)
{
	return address->family == AF_INET6 ? 16 : 4;
}

static void add_broadcast(struct request *request, const struct rtnetlink_address *address)
{
	uint8_t all[4];

	if (address->family != AF_INET || address->prefix > 30)
		return;
	memcpy(all, address->bytes, sizeof(all));
	for (unsigned int bit = address->prefix; bit < 32; bit++)
		all[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	add(request, IFA_BROADCAST, all, sizeof(all));
}

int rtnetlink_set_address(unsigned int index, const struct rtnetlink_address *address, bool there)
{
	const struct address_body body = {.family = (uint8_t)address->family,
	                                  .prefix = address->prefix,
	                                  /* whose it is the site says: nobody has to be asked for seconds */
	                                  .flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
	                                  .index = index};
	struct request request;

	begin(&request, there ? RTM_NEWADDR : RTM_DELADDR, there ? NLM_F_CREATE | NLM_F_EXCL : 0, &body, sizeof(body));
	add(&request, IFA_LOCAL, address->bytes, address_size(address));
	add(&request, IFA_ADDRESS, address->bytes, address_size(address));
	if (there)
		add_broadcast(&request, address);
	return command(&request);
}

#define FLUSH_MAX 32U

struct flush {
	uint32_t index;
	struct rtnetlink_address addresses[FLUSH_MAX];
	size_t count;
};

static void take_any_address(uint16_t type, const uint8_t *bytes, size_t size, void *context)
{
	struct flush *flush = context;
	struct rtnetlink_address *to = &flush->addresses[flush->count];
	struct address_body body;
	const uint8_t *value;
	size_t length;

	if (type != RTM_NEWADDR || size < sizeof(body) || flush->count == FLUSH_MAX)
		return;
	memcpy(&body, bytes, sizeof(body));
	if (body.index != flush->index)
		return;
	*to = (struct rtnetlink_address){.family = body.family, .prefix = body.prefix};
	value = find(bytes + sizeof(body), size - sizeof(body), IFA_LOCAL, address_size(to), &length);
	if (!value) /* IPv6 has it there */
		value = find(bytes + sizeof(body), size - sizeof(body), IFA_ADDRESS, address_size(to), &length);
	if (!value)
		return;
	memcpy(to->bytes, value, address_size(to));
	flush->count++;
}

void rtnetlink_flush(unsigned int index)
{
	const struct address_body all = {0};
	struct flush flush = {.index = index};
	struct request request;

	begin(&request, RTM_GETADDR, NLM_F_DUMP, &all, sizeof(all));
	(void)ask(&request, take_any_address, &flush);
	for (size_t i = 0; i < flush.count; i++)
		(void)rtnetlink_set_address(index, &flush.addresses[i], false);
}

int rtnetlink_add_route(unsigned int index, const struct rtnetlink_address *gateway, uint32_t metric)
{
	const struct route_body body = {.family = (uint8_t)gateway->family,
	                                .table = RT_TABLE_MAIN,
	                                .protocol = RTPROT_STATIC,
	                                .type = RTN_UNICAST,
	                                .flags = RTNH_F_ONLINK};
	struct request request;

	begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	add(&request, RTA_GATEWAY, gateway->bytes, address_size(gateway));
	add_u32(&request, RTA_OIF, index);
	if (metric)
		add_u32(&request, RTA_PRIORITY, metric);
	return command(&request);
}
