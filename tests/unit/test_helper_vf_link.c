/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/network/vf_link.o helper/network/rtnl.o helper/bounded.o helper/harden.o helper/fs.o */
/* links: helper/failure.o helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o */
/* links: helper/cgroup_kill.o helper/journal.o common/kv.o common/str.o common/log.o common/mac.o common/sha256.o */
/* links: common/range.o */
/* libs: -lmnl -Wl,--wrap=rtnl_ask,--wrap=rtnl_send */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/mman.h>

#include "common/exitcode.h"
#include "common/mac.h"
#include "helper/network/rtnl.h"
#include "helper/network/vf_link.h"

static char buffer[8192] __attribute__((aligned(8)));
static struct vf_table table;
static struct failure why;

static struct nlmsghdr *begin(uint16_t type)
{
	static const uint8_t mac[] = {0x52, 0x54, 0, 0xaa, 0, 1};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

	message->nlmsg_type = type;
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	return message;
}

/* As rtnl_fill_vfinfo() of Linux does. */
static void put_vf(struct nlmsghdr *message, uint32_t index, uint32_t trust)
{
	const struct ifla_vf_mac mac = {index, {2, 0, 0, 0, 0, (uint8_t)index}};
	const struct ifla_vf_broadcast broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct ifla_vf_vlan vlan = {index, 100 + index, 3};
	const struct ifla_vf_rate rate = {index, 10, 200};
	const struct ifla_vf_spoofchk spoofchk = {index, 1};
	const struct ifla_vf_link_state state = {index, IFLA_VF_LINK_STATE_ENABLE};
	const struct ifla_vf_trust trusted = {index, trust};
	const struct ifla_vf_vlan_info info = {index, 100 + index, 3, htons(0x88a8)};
	struct nlattr *nest = mnl_attr_nest_start(message, IFLA_VF_INFO), *list;

	mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(message, IFLA_VF_BROADCAST, sizeof(broadcast), &broadcast);
	mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	mnl_attr_put(message, IFLA_VF_RATE, sizeof(rate), &rate);
	mnl_attr_put(message, IFLA_VF_SPOOFCHK, sizeof(spoofchk), &spoofchk);
	mnl_attr_put(message, IFLA_VF_LINK_STATE, sizeof(state), &state);
	mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trusted), &trusted);
	list = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
	mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(message, list);
	mnl_attr_nest_end(message, nest);
}

static void vfs_are_read(void **state)
{
	static const struct vf_attributes expected = {UINT64_C(0x020000000001), 101, 0x88a8, 3, 1, -1, 10, 200,
	                                              IFLA_VF_LINK_STATE_ENABLE};
	struct nlmsghdr *message = begin(RTM_NEWLINK);
	struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);

	(void)state;
	put_vf(message, 0, 1);
	put_vf(message, 1, UINT32_MAX);
	put_vf(message, 3, 0);
	mnl_attr_nest_end(message, list);
	assert_int_equal(vf_link_parse(message, &table), 0);
	assert_true(table.pf_mac == UINT64_C(0x525400aa0001));
	assert_int_equal(table.count, 4);
	assert_true(table.known[0] && table.known[1] && !table.known[2] && table.known[3]);
	assert_int_equal(table.vfs[0].trust, 1);
	assert_int_equal(table.vfs[3].trust, 0);
	assert_int_equal(table.vfs[1].trust, -1);
	assert_true(vf_link_is(&table.vfs[1], &expected));
}

static void what_is_malformed_is_refused(void **state)
{
	static const uint8_t stub[3] = {0};
	struct nlmsghdr *message = begin(RTM_DELLINK);
	struct nlattr *list, *info;

	(void)state;
	assert_int_equal(vf_link_parse(message, &table), -EPROTO);
	message = begin(RTM_NEWLINK);
	list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
	put_vf(message, VF_MAX, 0);
	mnl_attr_nest_end(message, list);
	assert_int_equal(vf_link_parse(message, &table), -EPROTO);
	message = begin(RTM_NEWLINK);
	list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
	info = mnl_attr_nest_start(message, IFLA_VF_INFO);
	mnl_attr_put(message, IFLA_VF_MAC, sizeof(stub), stub);
	mnl_attr_nest_end(message, info);
	mnl_attr_nest_end(message, list);
	assert_int_equal(vf_link_parse(message, &table), -EPROTO);
}

static void what_a_driver_has_not_is_off(void **state)
{
	struct vf_attributes is = {.trust = -1, .spoofchk = 1, .vlan_proto = 0x8100}, wanted = is;

	(void)state;
	wanted.trust = 0;
	assert_true(vf_link_is(&is, &wanted));
	wanted.trust = 1;
	assert_false(vf_link_is(&is, &wanted));
	wanted = is;
	is.spoofchk = -1;
	assert_false(vf_link_is(&is, &wanted));
	is = wanted;
	is.vlan_proto = 0x88a8;
	assert_true(vf_link_is(&is, &wanted));
	is.vlan = wanted.vlan = 5;
	assert_false(vf_link_is(&is, &wanted));
}

/* This machine's own kernel, which has no VFs. */
static void a_netdev_without_vfs_has_none(void **state)
{
	const struct vf_attributes wanted = {.mac = UINT64_C(0x020000000000)};
	struct vf_addressed addressed;
	int lo = (int)if_nametoindex("lo");
	bool found = false;

	(void)state;
	assert_int_equal(vf_link_read(lo, &table), 0);
	assert_int_equal(table.count, 0);
	assert_int_equal(vf_link_read(INT32_MAX, &table), -ENODEV);
	assert_int_equal(vf_link_write(lo, 0, &wanted, &why), -ENODEV);
	assert_int_equal(why.code, EXIT_NODE);
	assert_int_equal(vf_link_write(lo, VF_MAX, &wanted, &why), -ENODEV);
	assert_int_equal(vf_link_addressed(&addressed), 0);
	for (unsigned int i = 0; i < addressed.count; i++)
		found = found || addressed.ifindex[i] == lo;
	assert_true(found);
}

/* --- a driver ---------------------------------------------------------------- */

/* Shared with the children in which the kernel is asked. */
static struct driver {
	struct vf_attributes vf; /* of index 2 */
	bool gone;
	int busy;        /* so many times, before it takes what it is told */
	int lacks;       /* IFLA_VF_*: EOPNOTSUPP */
	int ignores;     /* takes it without doing it */
	int leaves_with; /* the VF is gone when it is told that */
} * driver;

int __real_rtnl_ask(struct rtnl *rtnl, int (*each)(const struct nlmsghdr *message, void *context), void *context);
int __real_rtnl_send(struct rtnl *rtnl);
int __wrap_rtnl_ask(struct rtnl *rtnl, int (*each)(const struct nlmsghdr *message, void *context), void *context);
int __wrap_rtnl_send(struct rtnl *rtnl);

int __wrap_rtnl_ask(struct rtnl *rtnl, int (*each)(const struct nlmsghdr *message, void *context), void *context)
{
	struct nlmsghdr *message;
	struct nlattr *list, *info;

	if (!driver)
		return __real_rtnl_ask(rtnl, each, context);
	message = begin(RTM_NEWLINK);
	list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
	if (!driver->gone) {
		struct ifla_vf_mac mac = {.vf = 2};
		const struct ifla_vf_vlan vlan = {2, driver->vf.vlan, driver->vf.qos};
		const struct ifla_vf_rate rate = {2, driver->vf.min_tx_rate, driver->vf.max_tx_rate};
		const struct ifla_vf_spoofchk spoofchk = {2, (uint32_t)driver->vf.spoofchk};
		const struct ifla_vf_trust trust = {2, (uint32_t)driver->vf.trust};
		const struct ifla_vf_link_state state = {2, driver->vf.link_state};

		mac_write(driver->vf.mac, mac.mac);
		info = mnl_attr_nest_start(message, IFLA_VF_INFO);
		mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
		mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
		mnl_attr_put(message, IFLA_VF_RATE, sizeof(rate), &rate);
		mnl_attr_put(message, IFLA_VF_SPOOFCHK, sizeof(spoofchk), &spoofchk);
		mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trust), &trust);
		mnl_attr_put(message, IFLA_VF_LINK_STATE, sizeof(state), &state);
		mnl_attr_nest_end(message, info);
	}
	mnl_attr_nest_end(message, list);
	return each(message, context);
}

static void obey(const struct nlattr *part)
{
	const void *payload = mnl_attr_get_payload(part);

	switch (mnl_attr_get_type(part)) {
	case IFLA_VF_MAC:
		driver->vf.mac = mac_read(((const struct ifla_vf_mac *)payload)->mac);
		break;
	case IFLA_VF_VLAN:
		driver->vf.vlan = (uint16_t)((const struct ifla_vf_vlan *)payload)->vlan;
		break;
	case IFLA_VF_RATE:
		driver->vf.max_tx_rate = ((const struct ifla_vf_rate *)payload)->max_tx_rate;
		break;
	case IFLA_VF_SPOOFCHK:
		driver->vf.spoofchk = (int)((const struct ifla_vf_spoofchk *)payload)->setting;
		break;
	case IFLA_VF_TRUST:
		driver->vf.trust = (int)((const struct ifla_vf_trust *)payload)->setting;
		break;
	default:
		driver->vf.link_state = ((const struct ifla_vf_link_state *)payload)->link_state;
		break;
	}
}

int __wrap_rtnl_send(struct rtnl *rtnl)
{
	/* of one VF, one part: behind the netdev a list, an entry of it, and in that the part */
	const struct nlattr *list, *info, *part;

	if (!driver)
		return __real_rtnl_send(rtnl);
	list = mnl_nlmsg_get_payload_offset(rtnl->request, sizeof(struct ifinfomsg));
	info = mnl_attr_get_payload(list);
	part = mnl_attr_get_payload(info);
	driver->gone |= mnl_attr_get_type(part) == driver->leaves_with;
	if (driver->gone)
		return -EINVAL;
	if (driver->busy > 0) {
		driver->busy--;
		return -EBUSY;
	}
	if (mnl_attr_get_type(part) == driver->lacks)
		return -EOPNOTSUPP;
	if (mnl_attr_get_type(part) != driver->ignores)
		obey(part);
	return 0;
}

static const struct vf_attributes machines = {
        .mac = UINT64_C(0x020000001001), .vlan = 100, .vlan_proto = 0x8100, .spoofchk = 1, .max_tx_rate = 250};

/* Tell the driver; what vf_link_write() returns. */
static int write_to(struct driver is)
{
	driver = mmap(NULL, sizeof(*driver), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(driver != MAP_FAILED);
	*driver = is;
	why = (struct failure){0};
	return vf_link_write(7, 2, &machines, &why);
}

static int forget_driver(void **state)
{
	(void)state;
	if (driver)
		(void)munmap(driver, sizeof(*driver));
	driver = NULL;
	return 0;
}

static const struct vf_attributes hosts = {
        .mac = UINT64_C(0x525400000001), .vlan = 9, .vlan_proto = 0x8100, .trust = 1, .link_state = 1};

static void all_is_set_whatever_it_was(void **state)
{
	(void)forget_driver(state);
	assert_int_equal(write_to((struct driver){.vf = hosts}), 0);
	assert_true(vf_link_is(&driver->vf, &machines));
}

static void a_busy_driver_is_asked_again(void **state)
{
	assert_int_equal(write_to((struct driver){.vf = hosts, .busy = 7}), 0);
	assert_true(vf_link_is(&driver->vf, &machines));
	(void)forget_driver(state);
	/* but not for ever */
	assert_int_equal(write_to((struct driver){.vf = hosts, .busy = INT32_MAX}), -EIO);
	assert_int_equal(why.code, EXIT_NODE);
	assert_string_equal(why.message, "VF 2's transmit rate cannot be set: Device or resource busy");
}

static void what_isolates_must_be_supported(void **state)
{
	struct vf_attributes without = hosts;

	without.spoofchk = -1;
	assert_int_equal(write_to((struct driver){.vf = without, .lacks = IFLA_VF_SPOOFCHK}), -EIO);
	assert_string_equal(why.message, "VF 2's spoofchk cannot be set: Operation not supported");
	(void)forget_driver(state);
	/* where it is so already nothing has to be set */
	without = hosts;
	without.trust = -1;
	assert_int_equal(write_to((struct driver){.vf = without, .lacks = IFLA_VF_TRUST}), 0);
}

static void what_was_set_is_read_back(void **state)
{
	assert_int_equal(write_to((struct driver){.vf = hosts, .ignores = IFLA_VF_VLAN}), -EIO);
	assert_string_equal(why.message, "VF 2's VLAN reads back as another than was set");
	(void)forget_driver(state);
	assert_int_equal(write_to((struct driver){.vf = hosts, .ignores = IFLA_VF_MAC}), -EIO);
	assert_string_equal(why.message, "VF 2's MAC address reads back as another than was set");
}

static void a_vf_that_vanishes_is_told(void **state)
{
	assert_int_equal(write_to((struct driver){.gone = true}), -ENODEV);
	(void)forget_driver(state);
	assert_int_equal(write_to((struct driver){.vf = hosts, .leaves_with = IFLA_VF_SPOOFCHK}), -EIO);
	assert_string_equal(why.message, "VF 2's spoofchk cannot be set: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(vfs_are_read),
	        cmocka_unit_test(what_is_malformed_is_refused),
	        cmocka_unit_test(what_a_driver_has_not_is_off),
	        cmocka_unit_test(a_netdev_without_vfs_has_none),
	        cmocka_unit_test_teardown(all_is_set_whatever_it_was, forget_driver),
	        cmocka_unit_test_teardown(a_busy_driver_is_asked_again, forget_driver),
	        cmocka_unit_test_teardown(what_isolates_must_be_supported, forget_driver),
	        cmocka_unit_test_teardown(what_was_set_is_read_back, forget_driver),
	        cmocka_unit_test_teardown(a_vf_that_vanishes_is_told, forget_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
