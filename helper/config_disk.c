/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_disk.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/size.h"
#include "common/str.h"
#include "helper/list.h"

#define COPY_TIMEOUT_MAX 86400U

enum key {
	KEY_MODE,
	KEY_MODES,
	KEY_PREALLOC,
	KEY_CACHE,
	KEY_IO,
	KEY_DISCARD,
	KEY_EXTENDED_L2,
	KEY_IOTHREAD,
	KEY_CLUSTER_SIZE,
	KEY_SIZE_MAX,
	KEY_DEVICES,
	KEY_THIN_POOL,
	KEY_COPY_TIMEOUT,
	KEYS
};

_Static_assert(KEYS == CONFIG_DISK_KEYS, "a line for each key");

static const char *const names[KEYS] = {
        [KEY_MODE] = "mode",
        [KEY_MODES] = "modes",
        [KEY_PREALLOC] = "prealloc",
        [KEY_CACHE] = "cache",
        [KEY_IO] = "io",
        [KEY_DISCARD] = "discard",
        [KEY_EXTENDED_L2] = "extended_l2",
        [KEY_IOTHREAD] = "iothread",
        [KEY_CLUSTER_SIZE] = "cluster_size",
        [KEY_SIZE_MAX] = "size_max",
        [KEY_DEVICES] = "devices",
        [KEY_THIN_POOL] = "thin_pool",
        [KEY_COPY_TIMEOUT] = "copy_timeout",
};

/* The keys whose value is one of some words, which the field holds. */
static const struct {
	enum key key;
	size_t offset;
	const char *words;
} choices[] = {
#define AT(field) offsetof(struct config_disk, field)
        {KEY_MODE, AT(mode), DISK_MODES},
        {KEY_PREALLOC, AT(prealloc), DISK_PREALLOCS},
        {KEY_CACHE, AT(cache), "unsafe, writeback, none, writethrough or directsync"},
        {KEY_IO, AT(io), "threads, native or io_uring"},
        {KEY_DISCARD, AT(discard), "unmap or ignore"},
#undef AT
};

void config_disk_default(struct config_disk *disk)
{
	*disk = (struct config_disk){
	        .mode = "overlay",
	        .prealloc = "off",
	        .cache = "unsafe",
	        .io = "threads",
	        .discard = "unmap",
	        .cluster_size = 64 * KIB,
	        .extended_l2 = true,
	        .copy_timeout = 3600,
	};
}

static const char *take_choice(struct config_disk *disk, struct ini_file *file, enum key key, const char *value)
{
	const char *error = NULL;
	unsigned int number;

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].key != key)
			continue;
		error = ini_file_word(file, names[key], choices[i].words, value, &number);
		if (!error)
			(void)str_print((char *)disk + choices[i].offset, DISK_WORD_SIZE, "%s", value);
	}
	return error;
}

static const char *take_answer(struct ini_file *file, enum key key, bool *answer, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, names[key], "yes or no", value, &number);

	*answer = !error && number == 0;
	return error;
}

const char *config_disk_modes(struct ini_file *file, const char *key, char *modes, const char *value)
{
	char word[DISK_WORD_SIZE];

	for (const char *at = value; at;) {
		at = list_next(at, word, sizeof(word));
		if (!disk_is_mode(word))
			return ini_file_error(file, "%s is a list of overlay, snapshot, raw and block", key);
	}
	return str_print(modes, CONFIG_DISK_MODES, "%s", value) < 0 ? ini_file_error(file, "%s: too long", key) : NULL;
}

static const char *take_cluster_size(struct config_disk *disk, struct ini_file *file, const char *value)
{
	uint64_t size;

	if (str_size(value, &size) < 0 || size < 4 * KIB || size > 2 * MIB || (size & (size - 1)) != 0)
		return ini_file_error(file, "cluster_size: '%.64s' is not a power of two from 4K to 2M", value);
	disk->cluster_size = size;
	return NULL;
}

static const char *take_size_max(struct config_disk *disk, struct ini_file *file, const char *value)
{
	if (str_size(value, &disk->size_max) < 0 || disk->size_max > DISK_SIZE_MAX ||
	    (disk->size_max && disk->size_max < DISK_SIZE_MIN))
		return ini_file_error(file, "size_max: '%.64s' is not a size from 1M to 1024T, or 0 for no limit",
		                      value);
	return NULL;
}

/* Paths, each once. */
static const char *take_devices(struct config_disk *disk, struct ini_file *file, const char *value)
{
	char path[PATH_MAX];
	size_t used = 0;

	disk->devices[0] = 0;
	for (const char *at = value; at;) {
		at = list_next(at, path, sizeof(path));
		if (!str_is_path(path) || strpbrk(path, " \t"))
			return "devices is a list of absolute paths separated by commas";
		if (list_has(disk->devices, path, strlen(path)))
			return ini_file_error(file, "devices: %.200s is given twice", path);
		if (str_print(disk->devices + used, sizeof(disk->devices) - used, "%s%s", used ? "," : "", path) < 0)
			return "devices: too many";
		used += strlen(disk->devices + used);
	}
	return NULL;
}

/* What LVM takes for a name, without anything that a path could be made of. */
static bool is_volume(const char *name, size_t length)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_.-";

	return length > 0 && length < 65 && name[0] != '-' && name[0] != '.' && strspn(name, letters) >= length;
}

static const char *take_thin_pool(struct config_disk *disk, struct ini_file *file, const char *value)
{
	const char *slash = strchr(value, '/');

	if (!slash || !is_volume(value, (size_t)(slash - value)) || !is_volume(slash + 1, strlen(slash + 1)) ||
	    str_print(disk->thin_pool, sizeof(disk->thin_pool), "%s", value) < 0)
		return ini_file_error(file, "thin_pool: '%.64s' is not VG/POOL, two names of LVM", value);
	return NULL;
}

static const char *take_copy_timeout(struct config_disk *disk, struct ini_file *file, const char *value)
{
	return str_u64(value, 1, COPY_TIMEOUT_MAX, &disk->copy_timeout) == 0
	               ? NULL
	               : ini_file_error(file, "copy_timeout: '%.64s' is not a number of seconds from 1 to %u", value,
	                                COPY_TIMEOUT_MAX);
}

static const char *take(struct config_disk *disk, struct ini_file *file, enum key key, const char *value)
{
	switch (key) {
	case KEY_MODES:
		return config_disk_modes(file, names[key], disk->modes, value);
	case KEY_EXTENDED_L2:
		return take_answer(file, key, &disk->extended_l2, value);
	case KEY_IOTHREAD:
		return take_answer(file, key, &disk->iothread, value);
	case KEY_CLUSTER_SIZE:
		return take_cluster_size(disk, file, value);
	case KEY_SIZE_MAX:
		return take_size_max(disk, file, value);
	case KEY_DEVICES:
		return take_devices(disk, file, value);
	case KEY_THIN_POOL:
		return take_thin_pool(disk, file, value);
	case KEY_COPY_TIMEOUT:
		return take_copy_timeout(disk, file, value);
	default:
		return take_choice(disk, file, key, value);
	}
}

const char *config_disk_take(struct config_disk *disk, struct ini_file *file, const char *key, const char *value)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(names[i], key) != 0)
			continue;
		disk->lines[i] = ini_file_line(file);
		return take(disk, file, (enum key)i, value);
	}
	return ini_file_error(file, "unknown key '%s' in [disk]", key);
}

/* Of two keys that do not go together the line of the later one, or of the one that is there. */
static int line_of(const struct config_disk *disk, enum key one, enum key other)
{
	return disk->lines[one] > disk->lines[other] ? disk->lines[one] : disk->lines[other];
}

/* What is not allowed by name is allowed as the default. */
static int check_modes(struct config_disk *disk, const char *name, struct failure *why)
{
	bool devices = disk->devices[0], pool = disk->thin_pool[0];

	if (!disk->modes[0])
		(void)str_print(disk->modes, sizeof(disk->modes), "overlay, snapshot, raw%s",
		                strcmp(disk->mode, "block") == 0 ? ", block" : "");
	if (!list_has(disk->modes, disk->mode, strlen(disk->mode)))
		return failure_set(why, EXIT_NODE, "%s:%d: mode = %s is not one of modes, %s", name,
		                   line_of(disk, KEY_MODE, KEY_MODES), disk->mode, disk->modes);
	if (devices && pool)
		return failure_set(why, EXIT_NODE, "%s:%d: devices and thin_pool: give one of them", name,
		                   line_of(disk, KEY_DEVICES, KEY_THIN_POOL));
	if (list_has(disk->modes, "block", 5) && !devices && !pool)
		return failure_set(why, EXIT_NODE, "%s:%d: mode block needs devices or thin_pool", name,
		                   line_of(disk, KEY_MODE, KEY_MODES));
	return 0;
}

const char *config_disk_cache(const struct config_disk *disk, const char *mode)
{
	bool thin = strcmp(mode, "block") == 0 && disk->thin_pool[0];

	return thin && disk->lines[KEY_CACHE] == 0 ? "none" : disk->cache;
}

int config_disk_check(struct config_disk *disk, const char *name, struct failure *why)
{
	int rc = check_modes(disk, name, why);

	if (rc < 0)
		return rc;
	/* QEMU: aio=native was specified, but it requires cache.direct=on */
	if (strcmp(disk->io, "native") == 0 && strcmp(disk->cache, "none") != 0 &&
	    strcmp(disk->cache, "directsync") != 0)
		return failure_set(why, EXIT_NODE, "%s:%d: io = native needs cache = none or directsync, not %s", name,
		                   line_of(disk, KEY_IO, KEY_CACHE), disk->cache);
	if (!disk_mode_takes_prealloc(disk->mode, disk->prealloc))
		return failure_set(why, EXIT_NODE, "%s:%d: mode = %s cannot have prealloc = %s", name,
		                   line_of(disk, KEY_MODE, KEY_PREALLOC), disk->mode, disk->prealloc);
	/* QEMU: backing file and preallocation … only if extended_l2 is enabled */
	if (disk_mode_is_qcow2(disk->mode) && strcmp(disk->prealloc, "off") != 0 && !disk->extended_l2)
		return failure_set(why, EXIT_NODE, "%s:%d: prealloc = %s needs extended_l2 = yes", name,
		                   line_of(disk, KEY_PREALLOC, KEY_EXTENDED_L2), disk->prealloc);
	if (disk->extended_l2 && disk->cluster_size < CONFIG_DISK_EXTENDED)
		return failure_set(why, EXIT_NODE, "%s:%d: a cluster_size below 16K needs extended_l2 = no", name,
		                   line_of(disk, KEY_EXTENDED_L2, KEY_CLUSTER_SIZE));
	return 0;
}
