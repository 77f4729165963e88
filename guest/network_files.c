/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/network_files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/etc.h"
#include "guest/log.h"

#define RESOLVED "systemd/resolve/" /* in the link that resolv.conf is */
#define RESOLVED_FILE "systemd/resolved.conf.d/wnodes.conf"
#define NETWORKD_FOLDER "systemd/network"
#define MANAGER_FOLDER "NetworkManager/conf.d"
#define TEXT_MAX 1536U

static const char *address_text(const struct rtnetlink_address *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(address->family, address->bytes, text, INET6_ADDRSTRLEN);
}

/* The job's servers, each behind the word and followed by the byte. */
static int append_servers(char *text, size_t size, const struct job *job, const char *word, char behind)
{
	char server[INET6_ADDRSTRLEN];
	int rc = 0;

	for (size_t i = 0; i < job->network_count; i++)
		for (unsigned int k = 0; k < job->networks[i].dns_count; k++)
			str_append(text, size, &rc, "%s%s%c", word, address_text(&job->networks[i].dns[k], server),
			           behind);
	return rc;
}

static const char server_word[] = "nameserver";

/* Whether the line of resolv.conf names one of the job's servers. */
static bool is_jobs_server(const char *line, const struct job *job)
{
	const char *is = line + sizeof(server_word) - 1 + strspn(line + sizeof(server_word) - 1, " \t");
	size_t length = strcspn(is, " \t\n");
	char server[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < job->network_count; i++)
		for (unsigned int k = 0; k < job->networks[i].dns_count; k++)
			if (strlen(address_text(&job->networks[i].dns[k], server)) == length &&
			    strncmp(server, is, length) == 0)
				return true;
	return false;
}

/*
 * The text of resolv.conf, from malloc, with the job's servers in place of
 * old's, or before them where others are kept. NULL: no memory.
 */
static char *resolv_text(const char *old, const struct job *job, bool keep)
{
	size_t size = strlen(old) + TEXT_MAX;
	char *text = calloc(1, size);
	int rc = text ? append_servers(text, size, job, "nameserver ", '\n') : 0;

	while (text && *old) {
		size_t length = strcspn(old, "\n");

		if (strncmp(old, server_word, sizeof(server_word) - 1) != 0 || (keep && !is_jobs_server(old, job)))
			str_append(text, size, &rc, "%.*s\n", (int)length, old);
		old += length + (old[length] == '\n');
	}
	return text;
}

/* Make the file with the text, and the folders on its way below base. */
static int put(const char *base, const char *name, const char *text)
{
	char path[PATH_MAX];
	int rc = str_print(path, sizeof(path), "%s/%s", base, name);

	for (char *slash = path + strlen(base) + 1; rc == 0 && (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			rc = -errno;
		*slash = '/';
	}
	if (rc == 0)
		rc = etc_write(path, text);
	if (rc < 0)
		agent_log("%s/%s cannot be written: %s", base, name, strerror(-rc));
	return rc;
}

static bool is_there(const char *base, const char *name)
{
	char path[PATH_MAX];

	return str_print(path, sizeof(path), "%s/%s", base, name) == 0 && access(path, F_OK) == 0;
}

static void take_away(const char *base, const char *name)
{
	char path[PATH_MAX];

	if (str_print(path, sizeof(path), "%s/%s", base, name) == 0 && unlink(path) < 0 && errno != ENOENT)
		agent_log("%s cannot be removed: %s", path, strerror(errno));
}

/* A link stays one, but where it points nowhere. */
static int put_resolv(const char *path, const char *text)
{
	struct stat st;
	int rc = -ENOENT;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		rc = etc_overwrite(path, text);
	if (rc < 0)
		rc = etc_write(path, text);
	return rc < 0 ? etc_overwrite(path, text) : rc;
}

static bool is_resolveds(const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	target[length > 0 ? length : 0] = 0;
	return strstr(target, RESOLVED) != NULL;
}

static void tell_resolved(const struct network_files *files, const struct job *job)
{
	char text[TEXT_MAX] = "[Resolve]\nDNS=";
	int rc = append_servers(text, sizeof(text), job, "", ' ');

	if (is_there(files->run, RESOLVED_FILE))
		return;
	str_append(text, sizeof(text), &rc, "\n");
	if (rc == 0)
		(void)put(files->run, RESOLVED_FILE, text);
}

bool network_files_has_servers(const struct job *job)
{
	for (size_t i = 0; i < job->network_count; i++)
		if (job->networks[i].dns_count > 0)
			return true;
	return false;
}

void network_files_resolver(struct network_files *files, const struct job *job)
{
	bool again = files->resolv_before != NULL;
	char path[PATH_MAX], *old = NULL, *text = NULL;
	int rc;

	if (!network_files_has_servers(job) || str_print(path, sizeof(path), "%s/resolv.conf", files->etc) < 0)
		return;
	if (is_resolveds(path)) {
		tell_resolved(files, job);
		return;
	}
	rc = etc_read(path, &old);
	if (rc == 0)
		text = resolv_text(old, job, again);
	if (rc == 0 && !text)
		rc = -ENOMEM;
	if (rc == 0 && (!again || strcmp(text, old) != 0))
		rc = put_resolv(path, text);
	if (rc < 0) {
		agent_log("%s cannot be written: %s", path, strerror(-rc));
		free(text);
		free(old);
		return;
	}
	free(files->resolv);
	files->resolv = text;
	if (again)
		free(old);
	else
		files->resolv_before = old;
}

bool network_files_can_resolve(const struct network_files *files)
{
	char path[PATH_MAX];
	struct stat st;

	return str_print(path, sizeof(path), "%s/resolv.conf", files->etc) < 0 || lstat(path, &st) < 0 ||
	       !S_ISLNK(st.st_mode) || stat(path, &st) == 0;
}

static int networkd_text(const struct job_network *network, uint32_t metric, char *text, size_t size)
{
	const uint8_t *mac = network->mac;
	char address[INET6_ADDRSTRLEN];
	int rc = 0;

	text[0] = 0;
	str_append(text, size, &rc, "[Match]\nMACAddress=%02x:%02x:%02x:%02x:%02x:%02x\n\n", mac[0], mac[1], mac[2],
	           mac[3], mac[4], mac[5]);
	if (network->mtu)
		str_append(text, size, &rc, "[Link]\nMTUBytes=%u\n\n", network->mtu);
	str_append(text, size, &rc, "[Network]\nDHCP=%s\n", network->dhcp ? "yes" : "no");
	for (unsigned int i = 0; i < network->address_count; i++)
		str_append(text, size, &rc, "Address=%s/%u\n", address_text(&network->addresses[i], address),
		           network->addresses[i].prefix);
	for (unsigned int i = 0; i < network->dns_count; i++)
		str_append(text, size, &rc, "DNS=%s\n", address_text(&network->dns[i], address));
	for (unsigned int i = 0; i < network->gateway_count; i++)
		str_append(text, size, &rc, "\n[Route]\nGateway=%s\nGatewayOnLink=yes\nMetric=%u\n",
		           address_text(&network->gateways[i], address), metric);
	return rc;
}

/* The network's own file in folder, which ends in kind; names of the kind that come first. */
static int own_name(const struct job_network *network, const char *folder, const char *kind, char *name, size_t size)
{
	const uint8_t *mac = network->mac;

	return str_print(name, size, "%s/10-wnodes-%02x%02x%02x%02x%02x%02x.%s", folder, mac[0], mac[1], mac[2], mac[3],
	                 mac[4], mac[5], kind);
}

bool network_files_tell_networkd(const struct network_files *files, const struct job_network *network, uint32_t metric)
{
	char name[128], text[TEXT_MAX];

	if (!is_there(files->run, "systemd/system") ||
	    own_name(network, NETWORKD_FOLDER, "network", name, sizeof(name)) < 0 ||
	    networkd_text(network, metric, text, sizeof(text)) < 0)
		return false;
	return put(files->run, name, text) == 0 && is_there(files->run, "systemd/netif");
}

void network_files_tell_manager(const struct network_files *files, const struct job_network *network)
{
	const uint8_t *mac = network->mac;
	char name[128], text[256];

	if (!is_there(files->etc, "NetworkManager") ||
	    own_name(network, MANAGER_FOLDER, "conf", name, sizeof(name)) < 0 ||
	    str_print(text, sizeof(text),
	              "[device-wnodes-%02x%02x]\nmatch-device=mac:%02x:%02x:%02x:%02x:%02x:%02x\nmanaged=0\n", mac[4],
	              mac[5], mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]) < 0)
		return;
	(void)put(files->run, name, text);
}

static void undo_resolver(struct network_files *files)
{
	char path[PATH_MAX], *text = NULL;

	if (!files->resolv_before)
		return;
	/* what somebody else has written meanwhile stays */
	if (str_print(path, sizeof(path), "%s/resolv.conf", files->etc) == 0 && etc_read(path, &text) == 0 &&
	    strcmp(text, files->resolv) == 0)
		(void)put_resolv(path, files->resolv_before);
	free(text);
	free(files->resolv_before);
	free(files->resolv);
	files->resolv_before = NULL;
	files->resolv = NULL;
}

void network_files_undo(struct network_files *files, const struct job *job)
{
	char name[128];

	undo_resolver(files);
	take_away(files->run, RESOLVED_FILE);
	for (size_t i = 0; i < job->network_count; i++) {
		if (own_name(&job->networks[i], NETWORKD_FOLDER, "network", name, sizeof(name)) == 0)
			take_away(files->run, name);
		if (own_name(&job->networks[i], MANAGER_FOLDER, "conf", name, sizeof(name)) == 0)
			take_away(files->run, name);
	}
}
