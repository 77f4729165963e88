/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/names.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/etc.h"
#include "guest/log.h"

#define HOSTNAME_MAX 63U
#define UUID_LENGTH 36U
#define MARK "# wnodes" /* ends the line of hosts that is ours */

static int is_fit(const char *name)
{
	size_t length = strlen(name);

	return length >= 1 && length <= HOSTNAME_MAX &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

int names_hosts(const char *old, const char *hostname, char **text)
{
	size_t room = strlen(old) + 2 * strlen(hostname) + 64, used;
	int first = (int)strcspn(hostname, ".");

	*text = malloc(room);
	if (!*text)
		return -ENOMEM;
	used = (size_t)snprintf(*text, room, "127.0.1.1 %s", hostname);
	if (hostname[first])
		used += (size_t)snprintf(*text + used, room - used, " %.*s", first, hostname);
	used += (size_t)snprintf(*text + used, room - used, " " MARK "\n");
	while (*old) {
		size_t length = strcspn(old, "\n"), mark = strlen(MARK);

		if (length < mark || memcmp(old + length - mark, MARK, mark) != 0)
			used += (size_t)snprintf(*text + used, room - used, "%.*s\n", (int)length, old);
		old += length + (old[length] == '\n');
	}
	return 0;
}

/* Have path hold text; nothing is written where it does. */
static void put(const char *path, const char *text)
{
	char *old = NULL;
	int rc = etc_read(path, &old);

	if (rc < 0 || strcmp(old, text) != 0) {
		rc = etc_write(path, text);
		if (rc < 0)
			rc = etc_overwrite(path, text);
	}
	if (rc < 0)
		agent_log("%s cannot be written: %s", path, strerror(-rc));
	free(old);
}

static void set_hostname(const char *name, const char *etc)
{
	char path[PATH_MAX], line[HOSTNAME_MAX + 2], *old = NULL, *text = NULL;

	if (!is_fit(name)) {
		agent_log("the host gave no fit hostname");
		return;
	}
	if (sethostname(name, strlen(name)) < 0)
		agent_log("the hostname cannot be set: %s", strerror(errno));
	/* whatever sets the hostname again later takes it from there */
	if (str_print(line, sizeof(line), "%s\n", name) == 0 && str_print(path, sizeof(path), "%s/hostname", etc) == 0)
		put(path, line);
	if (str_print(path, sizeof(path), "%s/hosts", etc) == 0 && etc_read(path, &old) == 0 &&
	    names_hosts(old, name, &text) == 0)
		put(path, text);
	free(old);
	free(text);
}

/* Two machines of one image, or of one saved machine, would share the id: it is the machine's UUID. */
static void set_machine_id(const char *uuid, const char *etc)
{
	char path[PATH_MAX], id[UUID_LENGTH + 2];
	size_t used = 0;
	struct stat st;

	for (const char *p = uuid; *p && used < UUID_LENGTH; p++)
		if (isxdigit((unsigned char)*p))
			id[used++] = (char)tolower((unsigned char)*p);
	if (used != 32) {
		agent_log("the host gave no fit UUID");
		return;
	}
	id[used++] = '\n';
	id[used] = 0;
	if (str_print(path, sizeof(path), "%s/machine-id", etc) == 0)
		put(path, id);
	/* D-Bus's own, where that is no link to the former */
	if (str_print(path, sizeof(path), "%s/../var/lib/dbus/machine-id", etc) == 0 && lstat(path, &st) == 0 &&
	    S_ISREG(st.st_mode))
		put(path, id);
}

void names_apply(const struct job *job, const char *etc)
{
	if (job->hostname)
		set_hostname(job->hostname, etc);
	if (job->uuid)
		set_machine_id(job->uuid, etc);
}
