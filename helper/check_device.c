/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the block devices that machines get. */
#include <stddef.h>
#include <string.h>

#include "helper/check.h"
#include "helper/disk/pool.h"
#include "helper/disk/thin.h"

static void report(void *context, const char *path, const char *why)
{
	check_problem(context, "[disk] devices: %s: %s", path, why);
}

void check_devices(struct check *check)
{
	struct failure why = {0};
	int rc = check->config->disk.devices[0] ? pool_check(check->config, report, check) : 0;

	if (rc < 0)
		check_problem(check, "[disk] devices: which of them jobs have cannot be read: %s", strerror(-rc));
	if (check->config->disk.thin_pool[0] && thin_check(check->config->disk.thin_pool, &why) < 0)
		check_problem(check, "%s", why.message);
}
