/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/mounts.h"

#include "common/exitcode.h"
#include "common/str.h"

static int set(struct kv *kv, unsigned int number, const struct mounts_entry *entry)
{
	char key[32];
	int rc;

	(void)str_print(key, sizeof(key), "mount.%u.source", number);
	rc = kv_set(kv, key, entry->source);
	(void)str_print(key, sizeof(key), "mount.%u.target", number);
	if (rc == 0)
		rc = kv_set(kv, key, entry->target);
	(void)str_print(key, sizeof(key), "mount.%u.options", number);
	if (rc == 0)
		rc = kv_setf(kv, key, "%s%s%s", entry->flags & MOUNTS_READ_ONLY ? "ro" : "rw",
		             entry->flags & MOUNTS_OPTIONAL ? " optional" : "",
		             entry->flags & MOUNTS_SITE ? " site" : "");
	return rc;
}

int mounts_record(const struct config *config, const char *option, struct kv *kv, struct failure *why)
{
	static struct mounts mounts;
	char problem[MOUNTS_WHY_SIZE];

	mounts = config->mounts;
	if (option && mounts_parse(&mounts, option, 0, problem) < 0)
		return failure_set(why, EXIT_USAGE, "--vm-mount: %s", problem);
	for (unsigned int i = 0; i < mounts.count; i++)
		if (set(kv, i, &mounts.entries[i]) < 0)
			return failure_set(why, EXIT_NODE, "out of memory");
	return 0;
}

unsigned int mounts_recorded(const struct kv *kv)
{
	unsigned int count = 0;
	char key[32];

	while (str_print(key, sizeof(key), "mount.%u.source", count) == 0 && kv_get(kv, key))
		count++;
	return count;
}
