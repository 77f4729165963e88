/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/hugepages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/fs.h"

static int read_count(const char *sysfs, uint64_t kib, const char *file, uint64_t *count)
{
	char path[PATH_MAX], text[32];
	int rc = str_print(path, sizeof(path), "%s/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s", sysfs, kib, file);

	if (rc == 0)
		rc = (int)fs_read(AT_FDCWD, path, text, sizeof(text));
	if (rc < 0)
		return rc;
	text[strcspn(text, "\n")] = 0;
	return str_u64(text, 0, UINT64_MAX, count);
}

int hugepages_check(const char *sysfs, uint64_t kib, uint64_t mib, struct failure *why)
{
	uint64_t free_pages = 0, promised = 0, may_grow = 0, grown = 0, needed = (mib << 10) / kib;

	if (read_count(sysfs, kib, "free_hugepages", &free_pages) < 0 ||
	    read_count(sysfs, kib, "resv_hugepages", &promised) < 0)
		return failure_set(why, EXIT_NODE,
		                   "the node's kernel has no hugepages of %" PRIu64
		                   " MiB, which hugepages of wnodes.conf asks for",
		                   kib >> 10);
	/* pages of 1 GiB may have none */
	(void)read_count(sysfs, kib, "nr_overcommit_hugepages", &may_grow);
	(void)read_count(sysfs, kib, "surplus_hugepages", &grown);
	free_pages -= promised < free_pages ? promised : free_pages;
	free_pages += may_grow > grown ? may_grow - grown : 0;
	if (needed <= free_pages)
		return 0;
	return failure_set(why, EXIT_NODE,
	                   "the machine needs %" PRIu64 " hugepages of %" PRIu64 " MiB, and the node has %" PRIu64
	                   " free: raise nr_hugepages, or hugepages = no in wnodes.conf",
	                   needed, kib >> 10, free_pages);
}
