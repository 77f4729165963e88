/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User-mode network: the guest reaches out with the job user's rights, through
 * a passt that the monitor starts or through QEMU's own slirp. The host has
 * nothing to make.
 */
#include <errno.h>
#include <string.h>

#include "common/exitcode.h"
#include "helper/check.h"
#include "helper/network/network.h"
#include "helper/passt.h"

/* "passt" or "slirp" by what the section says and the node has; NULL with why. */
static const char *user_choose(const struct config *config, const struct config_network *network, uid_t uid, gid_t gid,
                               struct failure *why)
{
	bool insists = strcmp(network->backend, "passt") == 0;
	char problem[PASST_PROBLEM];

	if (strcmp(network->backend, "slirp") == 0)
		return "slirp";
	if (passt_try(config, uid, gid, !insists, problem) == 0)
		return "passt";
	if (!insists)
		return "slirp";
	(void)failure_set(why, EXIT_NODE, "wnodes.conf says backend = passt, but %s", problem);
	return NULL;
}

/* Already here: what passt takes counts when the machine's memory is measured. */
static int user_lease(const struct network_request *request, struct failure *why)
{
	struct failure found = {0};
	const char *backend = user_choose(request->config, request->network, request->uid, request->gid, &found);

	if (!backend)
		return failure_set(why, found.code, "network %s: %s", request->network->name, found.message);
	return network_set(request, "backend", backend) < 0 ? failure_set(why, EXIT_NODE, "out of memory") : 0;
}

static int user_make(const struct network_request *request, struct kv *machine, struct failure *why)
{
	const char *backend = network_get(request, "backend");

	if (!backend)
		return failure_set(why, EXIT_NODE, "the job's record is broken");
	if (network_put(request, machine, "backend", backend) < 0 ||
	    (strcmp(backend, "passt") == 0 && kv_set(machine, "passt", request->config->passt) < 0))
		return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

static int user_check(const struct config *config, const struct config_network *network, struct failure *why)
{
	const char *backend = user_choose(config, network, CHECK_NOBODY, CHECK_NOBODY, why);
	char problem[PASST_PROBLEM];

	if (!backend)
		return -EIO;
	if (strcmp(backend, "slirp") == 0 && passt_try_slirp(config, CHECK_NOBODY, CHECK_NOBODY, problem) < 0)
		return failure_set(why, EXIT_NODE, "neither passt nor slirp: %s", problem);
	return 0;
}

const struct network_ops network_user = {.type = "user", .lease = user_lease, .make = user_make, .check = user_check};
