/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/network_option.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/child.h"
#include "helper/fs.h"
#include "helper/iso9660.h"
#include "helper/journal.h"

#define WRITE_MS 30000U
/* the spelling that old releases of cloud-init know, too */
#define LABEL "cidata"
#define INSTALLED_MAX (64U << 20) /* bytes of a file of ours */

enum { META_DATA, NETWORK_CONFIG, INSTALLED };

/* In the order of an ISO 9660 folder. Those from INSTALLED on are files of LIBEXECDIR. */
static const char *const names[] = {"meta-data",         "network-config",       "user-data",   "wnodes-agent",
                                    "wnodes-agent.init", "wnodes-agent.service", "wnodes-start"};

#define COUNT (sizeof(names) / sizeof(names[0]))

struct seed_work {
	int to;
	int from[COUNT]; /* -1: the text in files has been set */
	struct iso9660_file files[COUNT];
};

static const char *seed_get(const struct kv *machine, unsigned int index, const char *name)
{
	const char *value;
	char key[32];

	(void)str_print(key, sizeof(key), "network.%u.%s", index, name);
	value = kv_get(machine, key);
	return value && *value ? value : NULL;
}

/* One NIC. Its addresses are what the agent sets, too; of the two whoever comes second finds nothing to do. */
static int seed_put_nic(const struct kv *machine, unsigned int index, char *text, size_t size)
{
	const char *mac = seed_get(machine, index, "mac"), *dhcp = seed_get(machine, index, "dhcp");
	const char *address = seed_get(machine, index, "address"), *gateway = seed_get(machine, index, "gateway");
	const char *dns = seed_get(machine, index, "dns"), *mtu = seed_get(machine, index, "mtu");
	int rc = 0;

	if (!mac || !dhcp)
		return -EINVAL;
	str_append(text, size, &rc,
	           "  eth%u:\n"
	           "    match: {macaddress: \"%s\"}\n"
	           "    set-name: eth%u\n"
	           "    dhcp4: %s\n"
	           "    optional: true\n",
	           index, mac, index, strcmp(dhcp, "yes") == 0 ? "true" : "false");
	if (address)
		str_append(text, size, &rc, "    addresses: [\"%s\"]\n", address);
	if (gateway)
		str_append(text, size, &rc, "    gateway4: \"%s\"\n", gateway);
	if (mtu)
		str_append(text, size, &rc, "    mtu: %s\n", mtu);
	if (dns)
		str_append(text, size, &rc, "    nameservers:\n      addresses:\n");
	while (dns && *dns) {
		size_t length = strcspn(dns, " ");

		str_append(text, size, &rc, "        - \"%.*s\"\n", (int)length, dns);
		dns += length + strspn(dns + length, " ");
	}
	return rc;
}

int seed_network_config(const struct kv *machine, char *text, size_t size)
{
	uint64_t count = 0;
	int rc = kv_get_u64(machine, "networks", 0, NETWORKS_MAX, &count);

	if (rc < 0)
		return rc;
	rc = str_print(text, size, "version: 2\nethernets:%s\n", count ? "" : " {}");
	for (unsigned int i = 0; rc == 0 && i < count; i++)
		rc = seed_put_nic(machine, i, text, size);
	return rc;
}

/* In the child: nothing but what root has opened. */
static int seed_work(void *context)
{
	struct seed_work *work = context;
	struct stat st;
	void *bytes;
	int rc;

	for (size_t i = 0; i < COUNT; i++) {
		if (work->from[i] < 0)
			continue;
		bytes = MAP_FAILED;
		if (fstat(work->from[i], &st) == 0 && st.st_size > 0 && st.st_size <= INSTALLED_MAX)
			bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, work->from[i], 0);
		if (bytes == MAP_FAILED) {
			dprintf(STDERR_FILENO, "%s cannot be read", names[i]);
			return EXIT_NODE;
		}
		work->files[i].bytes = bytes;
		work->files[i].size = (size_t)st.st_size;
	}
	rc = iso9660_write(work->to, LABEL, work->files, COUNT);
	if (rc == 0 && fsync(work->to) < 0)
		rc = -errno;
	if (rc < 0)
		dprintf(STDERR_FILENO, "%s", strerror(-rc));
	return rc < 0 ? EXIT_NODE : 0;
}

static int seed_open_installed(struct seed_work *work, struct failure *why)
{
	char path[PATH_MAX];
	int rc;

	for (size_t i = INSTALLED; i < COUNT; i++) {
		bool is_agent = strcmp(names[i], "wnodes-agent") == 0;

		rc = str_print(path, sizeof(path), "%s/%s%s", WNODES_LIBEXECDIR, is_agent ? "" : "guest/", names[i]);
		work->from[i] = rc < 0 ? rc : fs_open_file(path, NULL);
		if (work->from[i] < 0)
			return failure_set(why, EXIT_NODE, "cannot make the machine's seed: %s: %s", path,
			                   strerror(-work->from[i]));
	}
	return 0;
}

/* Make the empty file, which stays root's; its descriptor or a negative errno. */
static int seed_create(const char *path)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int dirfd = name ? fs_open_folder(folder, 0700) : -EINVAL;
	int fd;

	if (dirfd < 0)
		return dirfd;
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = -errno;
	close(dirfd);
	return fd;
}

/* Fill the file from the texts and the installed files; then nobody writes to it any more. */
static int seed_fill(const struct disk_request *request, struct seed_work *work, struct failure *why)
{
	const struct child child = {
	        .work = seed_work, .context = work, .uid = request->uid, .gid = request->gid, .out = -1};
	int rc = seed_open_installed(work, why);

	if (rc == 0)
		rc = child_run(&child, "cannot make the machine's seed", WRITE_MS, why);
	if (rc == 0 && fchmod(work->to, 0444) < 0)
		rc = failure_set(why, EXIT_NODE, "cannot make the machine's seed: %s", strerror(errno));
	for (size_t i = 0; i < COUNT; i++)
		if (work->from[i] >= 0)
			close(work->from[i]);
	return rc;
}

/* Its place, in the journal and in the description; PATH_MAX bytes. */
static int seed_note(const struct disk_request *request, struct kv *machine, char *path, struct failure *why)
{
	const struct record_id *id = &request->record->id;
	int rc = str_print(path, PATH_MAX, "%s/%s-%" PRIu32 ".%" PRIu32 ".seed", request->config->overlay_dir, id->node,
	                   id->job, id->restart);

	if (rc == 0)
		rc = kv_set(machine, "seed", path);
	if (rc == 0)
		rc = journal_append(request->record->dirfd, "seed", path);
	return rc < 0 ? failure_set(why, EXIT_NODE, "cannot note the seed in the journal: %s", strerror(-rc)) : 0;
}

int seed_make(const struct disk_request *request, struct kv *machine, struct failure *why)
{
	const char *uuid = kv_get(machine, "uuid");
	char path[PATH_MAX], meta_data[128], network_config[8192];
	struct seed_work work = {0};
	int rc;

	if (!request->image->cloud_init)
		return 0;
	for (size_t i = 0; i < COUNT; i++) {
		work.from[i] = -1;
		work.files[i].name = names[i];
	}
	/* dsmode: cloud-init acts on the seed before it looks at the network */
	rc = !uuid ? -EINVAL : str_print(meta_data, sizeof(meta_data), "instance-id: wnodes-%s\ndsmode: local\n", uuid);
	if (rc == 0)
		rc = seed_network_config(machine, network_config, sizeof(network_config));
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot make the machine's seed: %s", strerror(-rc));
	work.files[META_DATA].bytes = meta_data;
	work.files[META_DATA].size = strlen(meta_data);
	work.files[NETWORK_CONFIG].bytes = network_config;
	work.files[NETWORK_CONFIG].size = strlen(network_config);
	rc = seed_note(request, machine, path, why);
	if (rc < 0)
		return rc;
	work.to = seed_create(path);
	if (work.to < 0)
		return failure_set(why, EXIT_NODE, "cannot make the machine's seed %s: %s", path, strerror(-work.to));
	rc = seed_fill(request, &work, why);
	close(work.to);
	return rc;
}

int seed_remove(const char *path)
{
	char folder[PATH_MAX];
	const char *name = fs_split(path, folder);
	int dirfd = name ? fs_open_folder(folder, 0) : -EINVAL;
	int rc;

	if (dirfd < 0)
		return dirfd == -ENOENT ? 0 : dirfd;
	rc = unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	close(dirfd);
	return rc;
}
