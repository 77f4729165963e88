/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/network/netdev.o helper/network/network.o helper/bounded.o helper/harden.o helper/fs.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/failure.o helper/journal.o common/kv.o common/mac.o common/sha256.o common/str.o common/log.o */
/* links: helper/ipv4.o common/range.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "helper/network/netdev.h"

/* helper/network/network.c lists them all */
const struct network_ops network_none = {.type = "none"}, network_user = {.type = "user"},
                         network_bridge = {.type = "bridge"}, network_macvtap = {.type = "macvtap"},
                         network_sriov = {.type = "sriov"};

/* What stands for the kernel: the kind of the netdev, "" where there is none, and whether it ever answers. */
static const char *kind = "tun";
static bool answers = true;

int rtnl_open(struct rtnl *rtnl)
{
	(void)rtnl;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	(void)rtnl;
}

int rtnl_find(struct rtnl *rtnl, const char *name, struct rtnl_link *link)
{
	(void)rtnl;
	(void)name;
	(void)strcpy(link->kind, kind);
	link->index = 7;
	return *kind ? 0 : -ENODEV;
}

/* Another answer than all else gives. */
int rtnl_remove(struct rtnl *rtnl, unsigned int index)
{
	(void)rtnl;
	while (!answers)
		pause();
	return index == 7 ? -EXFULL : -EINVAL;
}

int rtnl_failed(const struct rtnl *rtnl, int rc, const char *task, struct failure *why)
{
	(void)rtnl;
	(void)task;
	(void)why;
	return rc;
}

static void a_machines_netdev_is_removed_and_no_other(void **state)
{
	static const char *const others[] = {"eth0", "wn0123456-0", "wn01234567-", "wn01234567-10", "wn0123456g-0", ""};

	(void)state;
	assert_int_equal(netdev_remove("wn01234567-0", "tun", false), -EXFULL);
	assert_int_equal(netdev_remove("wn01234567-0", "macvtap", false), -EINVAL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(netdev_remove(others[i], "tun", false), -EINVAL);
	/* no netdev outlives a boot */
	assert_int_equal(netdev_remove("wn01234567-0", "tun", true), 0);
	kind = "";
	assert_int_equal(netdev_remove("wn01234567-0", "tun", false), 0);
	kind = "tun";
}

/* "unregister_netdevice: waiting for wn01234567-0 to become free" */
static void a_kernel_that_waits_is_not_waited_for(void **state)
{
	uint64_t begin = clock_steady();

	(void)state;
	answers = false;
	assert_int_equal(netdev_remove("wn01234567-0", "tun", false), -ETIMEDOUT);
	answers = true;
	assert_true(clock_steady() - begin < 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_machines_netdev_is_removed_and_no_other),
	        cmocka_unit_test(a_kernel_that_waits_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
