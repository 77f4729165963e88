/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/network/netdev.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/bounded.h"
#include "helper/ipv4.h"
#include "helper/journal.h"

#define ASK_MS 10000U
#define REMOVE_MS 5000U /* a netdev ends with the last use of it in the kernel, which may be never */

int netdev_wish(const struct network_request *request, struct netdev_wish *wish, struct failure *why)
{
	const char *address = network_get(request, "address");
	unsigned int bits;

	*wish = (struct netdev_wish){.filtered = request->network->spoofchk};
	if (network_get_mac(request, &wish->mac) < 0 || network_get_vlan(request, &wish->vlan) < 0 ||
	    (address && ipv4_parse_bits(address, &wish->address, &bits) < 0))
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	(void)str_print(wish->alias, sizeof(wish->alias), "wnodes: job %" PRIu32 " on %.64s", request->record->id.job,
	                request->record->id.node);
	return 0;
}

struct asking {
	netdev_work *work;
	const void *context;
	struct failure why;
};

static int ask_now(void *context)
{
	struct asking *asking = context;
	struct rtnl rtnl;
	int rc = rtnl_open(&rtnl);

	if (rc < 0)
		return failure_set(&asking->why, EXIT_NODE, "rtnetlink: %s", strerror(-rc));
	rc = asking->work(&rtnl, asking->context, &asking->why);
	rtnl_close(&rtnl);
	return rc;
}

int netdev_ask(netdev_work *work, const void *context, struct failure *why)
{
	struct asking asking = {.work = work, .context = context};
	int rc = bounded_do(ask_now, &asking, sizeof(asking), ASK_MS);

	if (rc == -ETIMEDOUT)
		return failure_set(why, EXIT_NODE, "the kernel does not answer; the node may have to be rebooted");
	if (rc < 0 && !asking.why.code)
		return failure_set(why, EXIT_NODE, "rtnetlink: %s", strerror(-rc));
	if (rc < 0)
		*why = asking.why;
	return rc;
}

int netdev_make(const struct network_request *request, struct kv *machine, const char *journal, netdev_work *make,
                struct failure *why)
{
	struct failure found = {0};
	char name[IFNAMSIZ];
	const struct netdev_making making = {request, name};
	int rc = network_netdev(request, machine, name);

	if (rc == 0)
		rc = journal_append(request->record->dirfd, journal, name);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "network %s: the job's journal: %s", request->network->name,
		                   strerror(-rc));
	if (netdev_ask(make, &making, &found) < 0)
		return failure_set(why, found.code, "network %s: %s", request->network->name, found.message);
	rc = network_put(request, machine, "target", name);
	return rc < 0 ? failure_set(why, EXIT_NODE, "out of memory") : 0;
}

int netdev_failed(const struct rtnl *rtnl, int rc, const char *task, struct failure *why)
{
	if (rc != -ENOENT && rc != -EOPNOTSUPP)
		return rtnl_failed(rtnl, rc, task, why);
	return failure_set(why, EXIT_NODE,
	                   "%s: %s: the kernel lacks tc's clsact or cls_bpf to filter what machines send (modprobe "
	                   "sch_ingress cls_bpf; or spoofchk = off, where guests are trusted)",
	                   task, strerror(-rc));
}

/* wn, 8 hexadecimal digits, - and a digit */
static bool is_machines(const char *name)
{
	return strncmp(name, "wn", 2) == 0 && strspn(name + 2, "0123456789abcdef") == 8 && name[10] == '-' &&
	       strspn(name + 11, "0123456789") == 1 && name[12] == 0;
}

struct removal {
	const char *name, *kind;
};

static int remove_now(const void *context)
{
	const struct removal *removal = context;
	struct rtnl_link link;
	struct rtnl rtnl;
	int rc = rtnl_open(&rtnl);

	if (rc < 0)
		return rc;
	rc = rtnl_find(&rtnl, removal->name, &link);
	if (rc == 0)
		rc = strcmp(link.kind, removal->kind) == 0 ? rtnl_remove(&rtnl, link.index) : -EINVAL;
	rtnl_close(&rtnl);
	return rc == -ENODEV ? 0 : rc;
}

int netdev_remove(const char *name, const char *kind, bool old_boot)
{
	const struct removal removal = {name, kind};

	if (!is_machines(name))
		return -EINVAL;
	return old_boot ? 0 : bounded_run(remove_now, &removal, REMOVE_MS);
}
