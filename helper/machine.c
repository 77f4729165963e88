/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/size.h"
#include "common/str.h"
#include "helper/state.h"

int machine_record_path(const struct record_id *id, const char *file, char *path)
{
	return str_print(path, PATH_MAX, "%s/%s/%" PRIu32 ".%" PRIu32 "/%s", WNODES_JOBS, id->node, id->job,
	                 id->restart, file);
}

/* A random UUID of version 4. */
static int machine_set_uuid(struct kv *machine)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return -EIO;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	return kv_setf(machine, "uuid", "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
	               b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* What the record knows under the description's own names. */
static int machine_copy_record(const struct record *record, struct kv *machine)
{
	static const char *const keys[] = {
	        "job",     "restart",        "node",     "uid",        "gid",     "user",         "home",
	        "shell",   "groups",         "vcpus",    "memory_mib", "console", "boot_timeout", "accelerator",
	        "freezer", "slurm_commands", "virtiofsd"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = kv_get(&record->kv, keys[i]);

		if (value)
			rc = kv_set(machine, keys[i], value);
	}
	for (size_t i = 0; rc == 0 && i < record->kv.count; i++) {
		const struct kv_pair *pair = &record->kv.pairs[i];

		if (strncmp(pair->key, "cgroup.", 7) == 0)
			rc = kv_setf(machine, pair->key, "%s/vm", pair->value);
		else if (strncmp(pair->key, "mount.", 6) == 0)
			rc = kv_set(machine, pair->key, pair->value);
	}
	return rc;
}

/* The node's name with what a hostname cannot have made a dash, at most room bytes of it. */
static size_t machine_put_node(char *to, size_t room, const char *node)
{
	size_t length = strnlen(node, room);

	for (size_t i = 0; i < length; i++)
		to[i] = node[i] == ':' || node[i] == '_' ? '-' : node[i];
	return length;
}

int machine_hostname(const char *pattern, const char *node, uint32_t job, char *hostname)
{
	char id[16];
	size_t digits = (size_t)snprintf(id, sizeof(id), "%" PRIu32, job), fixed = 0, nodes = 0, used = 0, room;

	for (const char *p = pattern; *p; p++) {
		bool is_key = *p == '%' && *++p;

		nodes += is_key && *p == 'n';
		fixed += is_key ? (*p == 'j' ? digits : 0) : 1;
	}
	if (fixed + nodes > MACHINE_HOSTNAME_MAX)
		return -ENAMETOOLONG;
	room = nodes ? (MACHINE_HOSTNAME_MAX - fixed) / nodes : 0;
	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			hostname[used++] = *p;
		} else if (*++p == 'j') {
			memcpy(hostname + used, id, digits);
			used += digits;
		} else {
			used += machine_put_node(hostname + used, room, node);
		}
	}
	hostname[used] = 0;
	return 0;
}

static int machine_set_hostname(const struct record *record, const struct config *config, struct kv *machine)
{
	char hostname[MACHINE_HOSTNAME_MAX + 1];
	int rc = machine_hostname(config->hostname, record->id.node, record->id.job, hostname);

	return rc == 0 ? kv_set(machine, "hostname", hostname) : rc;
}

static int machine_set_boot(const struct image *image, struct kv *machine)
{
	int rc = image->kernel[0] ? kv_set(machine, "kernel", image->kernel) : 0;

	if (rc == 0 && image->initrd[0])
		rc = kv_set(machine, "initrd", image->initrd);
	if (rc == 0 && image->cmdline[0])
		rc = kv_set(machine, "cmdline", image->cmdline);
	return rc;
}

static int machine_set_paths(const struct record *record, struct kv *machine)
{
	char path[PATH_MAX];
	int rc = state_path(&record->id, path);

	if (rc == 0)
		rc = kv_set(machine, "run_dir", path);
	if (rc == 0)
		rc = kv_set(machine, "cache_dir", WNODES_STATEDIR "/cache/libvirt");
	if (rc == 0)
		rc = machine_record_path(&record->id, "lock", path);
	return rc == 0 ? kv_set(machine, "lock", path) : rc;
}

int machine_describe(const struct record *record, const struct config *config, const struct image *image,
                     struct kv *machine, struct failure *why)
{
	const char *accelerator = kv_get(&record->kv, "accelerator");
	int rc = machine_copy_record(record, machine);

	if (rc == 0)
		rc = kv_setf(machine, "name", "wnodes-%" PRIu32, record->id.job);
	if (rc == 0)
		rc = kv_set(machine, "image", kv_get(&record->kv, "image"));
	if (rc == 0)
		rc = machine_set_uuid(machine);
	if (rc == 0)
		rc = machine_set_hostname(record, config, machine);
	if (rc == 0)
		rc = kv_set(machine, "emulator", config->emulator);
	if (rc == 0)
		rc = kv_set(machine, "machine", image->machine);
	if (rc == 0)
		rc = kv_set(machine, "virtio", image->transitional ? "transitional" : "modern");
	if (rc == 0)
		rc = kv_set(machine, "console_type", image->console_virtio ? "virtio" : "serial");
	if (rc == 0 && accelerator && strcmp(accelerator, "tcg") == 0)
		rc = kv_setf(machine, "tb_cache_mib", "%" PRIu64, size_mib_up(config->tb_cache));
	if (rc == 0)
		rc = machine_set_boot(image, machine);
	if (rc == 0)
		rc = machine_set_paths(record, machine);
	if (rc < 0)
		return failure_set(why, EXIT_NODE, "cannot describe the machine: %s", strerror(-rc));
	return 0;
}
