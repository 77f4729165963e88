/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/disk/thin_base.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/disk/lvm.h"
#include "helper/fs.h"

#define LOCK "thin.lock" /* in WNODES_STATEDIR */
#define LOCK_MS 200U

int thin_base_lock(int (*wait)(void *context), void *context)
{
	int lock, rc = 0;

	while ((lock = fs_open_lock(WNODES_STATEDIR, LOCK, LOCK_MS)) == -EBUSY && wait && (rc = wait(context)) == 0)
		;
	return rc == 0 ? lock : rc;
}

int thin_is_there(const char *group, const char *name, struct failure *why)
{
	struct lvm_command command = {0};
	char found[THIN_NAME_MAX] = "";
	int rc = lvm_command(&command, "lvs --noheadings --options lv_name --select lv_name=\"%s\" %s", name, group);

	if (rc == 0)
		rc = lvm_run(&command, found, sizeof(found), why);
	return rc < 0 ? rc : strcmp(found, name) == 0;
}

/* Its group's name, in group[THIN_NAME_MAX]; returns the pool's. */
static const char *split(const char *pool, char *group)
{
	const char *slash = strchr(pool, '/');

	return slash && str_print(group, THIN_NAME_MAX, "%.*s", (int)(slash - pool), pool) == 0 ? slash + 1 : NULL;
}

/* Of a line of lvs the digits, or NULL: it names no base. */
static char *digits_of(char *name)
{
	char *digits = name + strlen(THIN_BASE);

	return strncmp(name, THIN_BASE, strlen(THIN_BASE)) == 0 && strlen(digits) == THIN_DIGITS &&
	                       strspn(digits, "0123456789abcdef") == THIN_DIGITS
	               ? digits
	               : NULL;
}

int thin_base_list(const char *pool, char *list, size_t size, struct failure *why)
{
	struct lvm_command command = {0};
	char group[THIN_NAME_MAX], *save = NULL, *to = list;
	const char *name = split(pool, group);
	int rc = name ? lvm_command(&command,
	                            "lvs --noheadings --options lv_name --select "
	                            "lv_name=~\"^" THIN_BASE "\"&&pool_lv=\"%s\" %s",
	                            name, group)
	              : -EINVAL;

	if (rc == 0)
		rc = lvm_run(&command, list, size, why);
	if (rc < 0)
		return why->code ? rc : failure_set(why, EXIT_NODE, "[disk] thin_pool = %s: no name of a pool", pool);
	for (char *line = strtok_r(list, " \n", &save); line; line = strtok_r(NULL, " \n", &save)) {
		const char *digits = digits_of(line);

		if (!digits)
			continue;
		/* what is moved is shorter than what has been read */
		memmove(to, digits, THIN_DIGITS);
		to[THIN_DIGITS] = '\n';
		to += THIN_DIGITS + 1;
	}
	*(to > list ? to - 1 : to) = 0;
	return 0;
}

static int base_remove(const char *group, const char *name, struct failure *why)
{
	struct lvm_command command = {0};
	int rc = thin_is_there(group, name, why);

	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	rc = lvm_command(&command, "lvremove --yes --force " THIN_QUIET " %s/%s", group, name);
	return rc == 0 ? lvm_run(&command, NULL, 0, why) : rc;
}

int thin_base_remove(const char *pool, const char *digest, struct failure *why)
{
	char group[THIN_NAME_MAX], name[THIN_NAME_MAX];
	int lock, rc;

	if (!split(pool, group) || strspn(digest, "0123456789abcdef") < THIN_DIGITS ||
	    str_print(name, sizeof(name), THIN_BASE "%.*s", THIN_DIGITS, digest) < 0)
		return failure_set(why, EXIT_NODE, "[disk] thin_pool = %s: its base of '%.64s' cannot be named", pool,
		                   digest);
	lock = thin_base_lock(NULL, NULL);
	if (lock == -EBUSY) {
		(void)failure_set(why, EXIT_NODE, "a job is about to take a volume of %s", pool);
		return -EBUSY;
	}
	if (lock < 0)
		return failure_set(why, EXIT_NODE, WNODES_STATEDIR "/" LOCK ": %s", strerror(-lock));
	rc = base_remove(group, name, why);
	close(lock);
	return rc == -ENOENT || why->code ? rc
	       : rc < 0                   ? failure_set(why, EXIT_NODE, "%s: %s", name, strerror(-rc))
	                                  : 0;
}
