/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/hostkeys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/log.h"

#define KEYGEN "/usr/bin/ssh-keygen"
#define SLACK 5 /* seconds that the clock may have been wrong by when a key was made */

static bool read_line(const char *root, const char *path, char *line, size_t size)
{
	char full[PATH_MAX];
	FILE *file;
	bool ok;

	if (str_print(full, sizeof(full), "%s%s", root, path) < 0)
		return false;
	file = fopen(full, "re");
	ok = file && fgets(line, (int)size, file);
	if (file)
		fclose(file);
	line[ok ? strcspn(line, "\n") : 0] = 0;
	return ok;
}

/* Whether this machine was booted for this job, rather than saved and handed on. */
static bool is_own_boot(const char *root, const char *uuid)
{
	char line[64];

	return uuid && read_line(root, "/sys/class/dmi/id/product_uuid", line, sizeof(line)) &&
	       strcasecmp(line, uuid) == 0;
}

static time_t boot_time(void)
{
	char line[64];

	return time(NULL) - (read_line("", "/proc/uptime", line, sizeof(line)) ? (time_t)atof(line) : 0);
}

/* Remove what was not made by this machine. */
static void remove_foreign(const char *root, int folder, bool is_own)
{
	int copy = dup(folder);
	DIR *keys = copy < 0 ? NULL : fdopendir(copy);
	time_t booted = boot_time();
	struct dirent *entry;
	struct stat st;

	if (!keys && copy >= 0)
		close(copy);
	while (keys && (entry = readdir(keys))) {
		if (strncmp(entry->d_name, "ssh_host_", 9) != 0 || !strstr(entry->d_name, "_key") ||
		    fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (is_own && st.st_mtime >= booted - SLACK))
			continue;
		if (unlinkat(folder, entry->d_name, 0) < 0)
			agent_log("%s/etc/ssh/%s cannot be removed: %s", root, entry->d_name, strerror(errno));
	}
	if (keys)
		closedir(keys);
}

static _Noreturn void keygen(const char *root, const char *only)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (only)
		execl(KEYGEN, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", only, (char *)NULL);
	else if (root[0])
		execl(KEYGEN, "ssh-keygen", "-A", "-f", root, (char *)NULL);
	else
		execl(KEYGEN, "ssh-keygen", "-A", (char *)NULL);
	_exit(127);
}

/* Make one key, or all that are missing, then have the server read them. Returns whether there was no failure. */
static bool make_keys(const char *root, const char *only)
{
	char line[32];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		keygen(root, only);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		return false;
	if (read_line(root, "/run/sshd.pid", line, sizeof(line)) && atoi(line) > 1)
		kill(atoi(line), SIGHUP);
	return true;
}

/* In a child: the key that is made at once comes first, since a server without any does not start. */
static _Noreturn void make_missing(const char *root)
{
	char first[PATH_MAX];
	sigset_t none;

	sigemptyset(&none);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (str_print(first, sizeof(first), "%s/etc/ssh/ssh_host_ed25519_key", root) == 0 && access(first, F_OK) < 0)
		make_keys(root, first); /* an old ssh-keygen does not know it */
	if (!make_keys(root, NULL))
		agent_log("ssh-keygen -A has failed");
	_exit(0);
}

void hostkeys_renew(const char *root, const char *uuid)
{
	char path[PATH_MAX];
	int folder;

	if (str_print(path, sizeof(path), "%s/etc/ssh/sshd_config", root) < 0 || access(path, F_OK) < 0 ||
	    access(KEYGEN, X_OK) < 0)
		return;
	*strrchr(path, '/') = 0;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return;
	remove_foreign(root, folder, is_own_boot(root, uuid));
	close(folder);
	if (fork() == 0)
		make_missing(root);
}
