/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/network/netdev.o helper/network/network.o helper/bounded.o helper/harden.o helper/fs.o */
/* links: helper/cgroup.o helper/cgroup_leave.o helper/cgroup_path.o helper/cgroup_hunt.o helper/cgroup_kill.o */
/* links: helper/failure.o helper/journal.o common/kv.o common/mac.o common/sha256.o common/str.o common/log.o */
/* links: helper/ipv4.o common/range.o */
/* libs: -Wl,--wrap=bounded_do */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/exitcode.h"
#include "helper/bounded.h"
#include "helper/fs.h"
#include "helper/journal.h"
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

int __real_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms);
int __wrap_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms);

/* A tenth of the time. */
int __wrap_bounded_do(bounded_call *work, void *context, size_t size, unsigned int ms)
{
	assert_in_range(ms, 1000, 20000);
	return __real_bounded_do(work, context, size, ms / 10);
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

/* A job with one network, whose journal is in a folder of its own. */
struct job {
	char folder[40];
	struct config_network network;
	struct record record;
	struct network_request request;
	struct kv machine;
	struct failure why;
};

static void begin(struct job *job)
{
	*job = (struct job){.folder = "/tmp/wnodes-netdev-XXXXXX", .network = {.name = "lan"}};
	job->request = (struct network_request){.network = &job->network, .record = &job->record, .index = 1};
	assert_non_null(mkdtemp(job->folder));
	job->record.dirfd = open(job->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(kv_set(&job->machine, "uuid", "01234567-89ab-cdef-0123-456789abcdef"), 0);
}

static void end(struct job *job)
{
	kv_free(&job->machine);
	close(job->record.dirfd);
	assert_int_equal(fs_remove_folder(AT_FDCWD, job->folder), 0);
}

static int see_line(void *context, const char *journal, const char *argument)
{
	assert_string_equal(journal, "tap");
	assert_string_equal(argument, "wn01234567-1");
	++*(int *)context;
	return 0;
}

/* As a kind makes its own: what it is to make is in the journal. */
static int make(struct rtnl *rtnl, const void *context, struct failure *why)
{
	const struct netdev_making *making = context;

	(void)rtnl;
	while (!answers)
		pause();
	if (strcmp(making->name, "wn01234567-1") != 0)
		return failure_set(why, EXIT_NODE, "another name");
	return strcmp(kind, "tun") == 0 ? 0 : failure_set(why, EXIT_NODE, "no tun");
}

static void a_netdev_is_made_and_journalled(void **state)
{
	struct job job;
	int lines = 0;

	(void)state;
	begin(&job);
	assert_int_equal(netdev_make(&job.request, &job.machine, "tap", make, &job.why), 0);
	assert_string_equal(kv_get(&job.machine, "network.1.target"), "wn01234567-1");
	assert_int_equal(journal_replay(job.record.dirfd, see_line, &lines), 0);
	assert_int_equal(lines, 1);
	kind = "";
	assert_int_equal(netdev_make(&job.request, &job.machine, "tap", make, &job.why), -EIO);
	kind = "tun";
	assert_string_equal(job.why.message, "network lan: no tun");
	end(&job);
}

static void a_kernel_that_never_makes_it_is_not_waited_for(void **state)
{
	struct job job;
	int lines = 0;

	(void)state;
	begin(&job);
	answers = false;
	assert_int_equal(netdev_make(&job.request, &job.machine, "tap", make, &job.why), -EIO);
	assert_int_equal(job.why.code, EXIT_NODE);
	assert_string_equal(job.why.message,
	                    "network lan: the kernel does not answer; the node may have to be rebooted");
	/* what it may yet make is destroy's */
	assert_int_equal(journal_replay(job.record.dirfd, see_line, &lines), 0);
	assert_int_equal(lines, 1);
	/* `wnodes check`'s look */
	job.why = (struct failure){0};
	assert_int_equal(netdev_ask(make, NULL, &job.why), -EIO);
	assert_int_equal(job.why.code, EXIT_NODE);
	answers = true;
	end(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_machines_netdev_is_removed_and_no_other),
	        cmocka_unit_test(a_kernel_that_waits_is_not_waited_for),
	        cmocka_unit_test(a_netdev_is_made_and_journalled),
	        cmocka_unit_test(a_kernel_that_never_makes_it_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
