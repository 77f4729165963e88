/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/filter.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>

#define PREFERENCE 1U
#define ETHERNET 14U  /* bytes of a frame before its packet */
#define IPV6 40U      /* bytes of its header */
#define IPV6_OTHER 8U /* and of one behind it: a fragment's, or options */
#define ICMP_REDIRECT 5U
#define ND_ROUTER_ADVERTISEMENT 134U
#define ND_REDIRECT 137U
#define DHCP_SERVER 67U
#define DHCP_CLIENT 68U
#define DHCPV6_CLIENT 546U
#define DHCPV6_SERVER 547U
#define CISCO 0x01000c00U /* groups of one maker's switches: CDP, VTP, DTP, UDLD, spanning tree of each VLAN */

/* Jumps in a program under construction go to its end, where the frame passes or is dropped; or to the next step. */
enum { NEXT = 0, PASS = 254, DROP = 255 };

struct program {
	struct sock_filter *steps;
	unsigned int count;
};

static void add(struct program *program, unsigned int code, uint32_t k, unsigned int yes, unsigned int no)
{
	program->steps[program->count++] = (struct sock_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, k};
}

static void load(struct program *program, unsigned int size, uint32_t offset)
{
	add(program, BPF_LD | BPF_ABS | size, offset, 0, 0);
}

static void mask(struct program *program, uint32_t bits)
{
	add(program, BPF_ALU | BPF_AND | BPF_K, bits, 0, 0);
}

/* yes and no: NEXT, PASS, DROP or a number of steps to leave out */
static void equal(struct program *program, uint32_t k, unsigned int yes, unsigned int no)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, k, yes, no);
}

/* A condition whose steps are written next: where it does not hold, all of them are left out. */
static void only_if(struct program *program, uint32_t k, void (*steps)(struct program *, uint32_t), uint32_t argument)
{
	unsigned int at = program->count;

	equal(program, k, NEXT, NEXT);
	steps(program, argument);
	program->steps[at].jf = (uint8_t)(program->count - at - 1);
}

static void only_if_type(struct program *program, uint32_t type, void (*steps)(struct program *, uint32_t),
                         uint32_t argument)
{
	load(program, BPF_H, 12);
	only_if(program, type, steps, argument);
}

static void check_header(struct program *program, uint64_t mac)
{
	load(program, BPF_W, 6);
	equal(program, (uint32_t)(mac >> 16), NEXT, DROP);
	load(program, BPF_H, 10);
	equal(program, (uint32_t)(mac & 0xffff), NEXT, DROP);
	/* a tag that the kernel has taken out of the frame, or one in it */
	load(program, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
	equal(program, 0, NEXT, DROP);
	load(program, BPF_H, 12);
	equal(program, ETH_P_8021Q, DROP, NEXT);
	equal(program, ETH_P_8021AD, DROP, NEXT);
	equal(program, ETH_P_QINQ1, DROP, NEXT);
	equal(program, ETH_P_PAUSE, DROP, NEXT);
	load(program, BPF_W, 0);
	equal(program, 0x0180c200, NEXT, 3);
	load(program, BPF_H, 4);
	mask(program, 0xffc0);
	equal(program, 0, DROP, NEXT);
	load(program, BPF_W, 0);
	mask(program, 0xffffff00);
	equal(program, CISCO, DROP, NEXT);
}

/* A probe, from nobody, for its own address alone: another's would seem to be in use. */
static void check_arp(struct program *program, uint32_t address)
{
	load(program, BPF_W, ETHERNET + 14);
	equal(program, address, PASS, NEXT);
	equal(program, INADDR_ANY, NEXT, DROP);
	load(program, BPF_W, ETHERNET + 24);
	equal(program, address, PASS, DROP);
}

static void check_source(struct program *program, uint32_t address)
{
	load(program, BPF_W, ETHERNET + 12);
	equal(program, address, 1, NEXT);
	equal(program, INADDR_ANY, NEXT, DROP);
}

/*
 * A fragment but the first has no port; the first one has, or is not put
 * together. A client takes an answer from whatever port it comes.
 */
static void check_ipv4(struct program *program, uint32_t address)
{
	(void)address;
	load(program, BPF_H, ETHERNET + 6);
	mask(program, 0x1fff);
	equal(program, 0, NEXT, PASS);
	add(program, BPF_LDX | BPF_MSH | BPF_B, ETHERNET, 0, 0);
	load(program, BPF_B, ETHERNET + 9);
	equal(program, IPPROTO_ICMP, NEXT, 2);
	add(program, BPF_LD | BPF_IND | BPF_B, ETHERNET, 0, 0);
	equal(program, ICMP_REDIRECT, DROP, PASS);
	equal(program, IPPROTO_UDP, NEXT, PASS);
	add(program, BPF_LD | BPF_IND | BPF_H, ETHERNET, 0, 0);
	equal(program, DHCP_SERVER, DROP, NEXT);
	add(program, BPF_LD | BPF_IND | BPF_H, ETHERNET + 2, 0, 0);
	equal(program, DHCP_CLIENT, DROP, PASS);
}

/* Of ICMPv6, at offset. */
static void check_type(struct program *program, uint32_t offset)
{
	load(program, BPF_B, offset);
	equal(program, ND_ROUTER_ADVERTISEMENT, DROP, NEXT);
	equal(program, ND_REDIRECT, DROP, PASS);
}

/* Of UDP, at offset. */
static void check_ports(struct program *program, uint32_t offset)
{
	load(program, BPF_H, offset);
	equal(program, DHCPV6_SERVER, DROP, NEXT);
	load(program, BPF_H, offset + 2);
	equal(program, DHCPV6_CLIENT, DROP, PASS);
}

/* Which header comes next has been loaded; it is at offset. Behind some of them hosts look for more. */
static void check_next(struct program *program, uint32_t offset)
{
	only_if(program, IPPROTO_UDP, check_ports, offset);
	only_if(program, IPPROTO_ICMPV6, check_type, offset);
	equal(program, IPPROTO_HOPOPTS, DROP, NEXT);
	equal(program, IPPROTO_ROUTING, DROP, NEXT);
	equal(program, IPPROTO_FRAGMENT, DROP, NEXT);
	equal(program, IPPROTO_DSTOPTS, DROP, PASS);
}

/* As the report of a listener to multicast groups has them, of 8 bytes. */
static void check_options(struct program *program, uint32_t offset)
{
	load(program, BPF_H, offset);
	equal(program, IPPROTO_ICMPV6 << 8, NEXT, DROP);
	check_type(program, offset + IPV6_OTHER);
}

static void check_fragment(struct program *program, uint32_t offset)
{
	load(program, BPF_H, offset + 2);
	mask(program, 0xfff8);
	equal(program, 0, NEXT, PASS);
	load(program, BPF_B, offset);
	check_next(program, offset + IPV6_OTHER);
}

static void check_ipv6(struct program *program, uint32_t address)
{
	(void)address;
	load(program, BPF_B, ETHERNET + 6);
	only_if(program, IPPROTO_HOPOPTS, check_options, ETHERNET + IPV6);
	only_if(program, IPPROTO_FRAGMENT, check_fragment, ETHERNET + IPV6);
	check_next(program, ETHERNET + IPV6);
}

static uint8_t resolve(uint8_t jump, unsigned int from, unsigned int pass)
{
	if (jump == PASS)
		return (uint8_t)(pass - from - 1);
	return jump == DROP ? (uint8_t)(pass - from) : jump;
}

unsigned int filter_program(uint64_t mac, uint32_t address, struct sock_filter *steps)
{
	struct program program = {steps, 0};
	unsigned int pass;

	check_header(&program, mac);
	if (address) {
		only_if_type(&program, ETH_P_ARP, check_arp, address);
		only_if_type(&program, ETH_P_IP, check_source, address);
	}
	only_if_type(&program, ETH_P_IP, check_ipv4, 0);
	only_if_type(&program, ETH_P_IPV6, check_ipv6, 0);
	pass = program.count;
	add(&program, BPF_RET | BPF_K, TC_ACT_OK, 0, 0);
	add(&program, BPF_RET | BPF_K, TC_ACT_SHOT, 0, 0);
	for (unsigned int i = 0; i < pass; i++)
		if (BPF_CLASS(steps[i].code) == BPF_JMP) {
			steps[i].jt = resolve(steps[i].jt, i, pass);
			steps[i].jf = resolve(steps[i].jf, i, pass);
		}
	return program.count;
}

static struct nlmsghdr *begin(struct rtnl *rtnl, uint16_t type, unsigned int index, uint32_t parent, const char *kind)
{
	struct nlmsghdr *message = rtnl_begin(rtnl, type, NLM_F_CREATE | NLM_F_EXCL);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(message, sizeof(*tc));

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)index;
	tc->tcm_parent = parent;
	if (type == RTM_NEWQDISC)
		tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	else
		tc->tcm_info = TC_H_MAKE(PREFERENCE << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(message, TCA_KIND, kind);
	return message;
}

int filter_attach(struct rtnl *rtnl, unsigned int index, bool sends, uint64_t mac, uint32_t address)
{
	uint32_t parent = TC_H_MAKE(TC_H_CLSACT, sends ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	struct sock_filter steps[FILTER_STEPS];
	unsigned int count = filter_program(mac, address, steps);
	struct nlmsghdr *message;
	struct nlattr *options;
	int rc;

	(void)begin(rtnl, RTM_NEWQDISC, index, TC_H_CLSACT, "clsact");
	rc = rtnl_send(rtnl);
	if (rc < 0)
		return rc;
	message = begin(rtnl, RTM_NEWTFILTER, index, parent, "bpf");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put_u16(message, TCA_BPF_OPS_LEN, (uint16_t)count);
	mnl_attr_put(message, TCA_BPF_OPS, count * sizeof(steps[0]), steps);
	mnl_attr_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(message, options);
	return rtnl_send(rtnl);
}
