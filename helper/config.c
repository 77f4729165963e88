/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/str.h"
#include "helper/config_partition.h"
#include "helper/fs.h"
#include "helper/ini_file.h"
#include "helper/list.h"
#include "helper/network/network.h"

#define MIB (UINT64_C(1) << 20)

enum kind {
	KIND_PATH,
	KIND_SIZE,
	KIND_SECONDS,
	KIND_AGE,
	KIND_LIST,
	KIND_NAME,
	KIND_HOSTNAME,
	KIND_ACCELERATOR,
	KIND_TRANSPORT,
	KIND_COMMANDS,
	KIND_ANSWER,
	KIND_COUNT,
	KIND_AGENT,
	KIND_IMAGES
};

static const struct key {
	const char *section, *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max; /* of numbers; bytes or seconds */
} keys[] = {
#define AT(field) offsetof(struct config, field)
        {"site", "accelerator", KIND_ACCELERATOR, AT(accelerator), 0, 0},
        {"site", "emulator", KIND_PATH, AT(emulator), 0, 0},
        {"site", "qemu_img", KIND_PATH, AT(qemu_img), 0, 0},
        {"site", "mount_transport", KIND_TRANSPORT, AT(mount_transport), 0, 0},
        {"site", "virtiofsd", KIND_PATH, AT(virtiofsd), 0, 0},
        {"site", "slurmd_spool_dir", KIND_PATH, AT(slurmd_spool_dir), 0, 0},
        {"site", "overlay_dir", KIND_PATH, AT(overlay_dir), 0, 0},
        {"site", "hostname", KIND_HOSTNAME, AT(hostname), 0, 0},
        {"site", "memory_reserve", KIND_SIZE, AT(memory_reserve), 64 * MIB, 65536 * MIB},
        {"site", "tb_cache", KIND_SIZE, AT(tb_cache), 8 * MIB, 4096 * MIB},
        {"site", "memory_per_cpu", KIND_SIZE, AT(memory_per_cpu), 0, UINT64_C(1) << 44},
        {"site", "boot_timeout", KIND_SECONDS, AT(boot_timeout), 1, 86400},
        {"site", "boot_timeout_max", KIND_SECONDS, AT(boot_timeout_max), 1, 86400},
        {"policy", "allow_users", KIND_LIST, AT(allow_users), 0, 0},
        {"policy", "allow_groups", KIND_LIST, AT(allow_groups), 0, 0},
        {"policy", "allow_accounts", KIND_LIST, AT(allow_accounts), 0, 0},
        {"policy", "allow_partitions", KIND_LIST, AT(allow_partitions), 0, 0},
        {"policy", "allow_none", KIND_ANSWER, AT(allow_none), 0, 0},
        {"policy", "machines_max", KIND_COUNT, AT(machines_max), 0, 100000},
        {"policy", "overlay_max", KIND_SIZE, AT(overlay_max), 0, UINT64_C(1) << 60},
        {"policy", "user_images", KIND_LIST, AT(user_images), 0, 0},
        {"policy", "user_images_agent", KIND_AGENT, AT(user_images_agent), 0, 0},
        {"policy", "user_images_slurm_commands", KIND_COMMANDS, AT(user_commands), 0, 0},
        {"policy", "network", KIND_NAME, AT(network), 0, 0},
        {"policy", "slurm_commands", KIND_COMMANDS, AT(commands), 0, 0},
        {"cache", "dir", KIND_PATH, AT(cache_dir), 0, 0},
        {"cache", "size_max", KIND_SIZE, AT(cache_size_max), 0, UINT64_C(1) << 50},
        {"cache", "age_max", KIND_AGE, AT(cache_age_max), 0, UINT64_C(3650) * 86400},
        {"fetch", "ca_file", KIND_PATH, AT(fetch_ca_file), 0, 0},
        {"fetch", "rate", KIND_SIZE, AT(fetch_rate), 0, UINT64_C(1) << 40},
        {"fetch", "stall_timeout", KIND_SECONDS, AT(fetch_stall_timeout), 1, 86400},
        {"fetch", "timeout", KIND_SECONDS, AT(fetch_timeout), 1, 86400},
        {"fetch", "size_max", KIND_SIZE, AT(fetch_size_max), MIB, UINT64_C(1) << 50},
        {"fetch", "virtual_size_max", KIND_SIZE, AT(fetch_virtual_size_max), MIB, UINT64_C(1) << 50},
        {"policy", "slurm_images", KIND_IMAGES, AT(other_images), 0, 0},
#undef AT
};

void config_default(struct config *config)
{
	*config = (struct config){
	        .emulator = "/usr/bin/qemu-system-x86_64",
	        .qemu_img = "/usr/bin/qemu-img",
	        .virtiofsd = "/usr/libexec/virtiofsd",
	        .slurmd_spool_dir = "/var/spool/slurmd",
	        .overlay_dir = WNODES_STATEDIR "/overlays",
	        .hostname = "%n-%j",
	        .memory_reserve = 256 * MIB,
	        .tb_cache = 64 * MIB,
	        .boot_timeout = 300,
	        .boot_timeout_max = 3600,
	        .user_images_agent = "builtin",
	        .network = "user",
	        .cache_dir = WNODES_STATEDIR "/images",
	        .fetch_stall_timeout = 60,
	        .fetch_timeout = 3600,
	        .fetch_size_max = UINT64_C(64) << 30,
	        .fetch_virtual_size_max = UINT64_C(2) << 40,
	        .commands = COMMAND_NAMES,
	};
}

static const char *config_accelerator(uint64_t *number, const char *value)
{
	static const char *const names[] = {"auto", "kvm", "tcg"};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			*number = i;
			return NULL;
		}
	}
	return "accelerator is auto, kvm or tcg";
}

static const char *config_images(bool *other, const char *value)
{
	*other = strcmp(value, "any") == 0;
	return *other || strcmp(value, "own") == 0 ? NULL : "slurm_images is own or any";
}

static const char *config_transport(uint64_t *number, const char *value)
{
	static const char *const names[] = {"auto", "9p", "virtiofs"};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			*number = i;
			return NULL;
		}
	}
	return "mount_transport is auto, 9p or virtiofs";
}

static const char *config_answer(const char *name, uint64_t *answer, const char *value, struct ini_file *file)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return ini_file_error(file, "%s is yes or no", name);
	*answer = value[0] == 'y' ? CONFIG_YES : CONFIG_NO;
	return NULL;
}

static const char *config_count(const struct key *key, uint64_t *count, const char *value, struct ini_file *file)
{
	if (str_u64(value, key->min, key->max, count) < 0)
		return ini_file_error(file, "%s: '%.64s' is not a number from %llu to %llu", key->name, value,
		                      (unsigned long long)key->min, (unsigned long long)key->max);
	return NULL;
}

static const char *config_agent(char *agent, const char *value)
{
	if (strcmp(value, "builtin") != 0)
		return "user_images_agent is builtin; others are not yet available";
	(void)str_print(agent, sizeof(((struct config *)0)->user_images_agent), "%s", value);
	return NULL;
}

static const char *config_number(struct ini_file *file, const struct key *key, uint64_t *number, const char *value)
{
	uint64_t unit = key->kind == KIND_SIZE ? MIB : 1;
	int rc = key->kind == KIND_SIZE ? str_size(value, number) : str_u64(value, 0, UINT64_MAX, number);

	if (rc == 0 && *number >= key->min && *number <= key->max)
		return NULL;
	return ini_file_error(file, "%s: '%.64s' is not %s from %llu to %llu%s", key->name, value,
	                      unit == 1 ? "a number of seconds" : "a size", (unsigned long long)(key->min / unit),
	                      (unsigned long long)(key->max / unit), unit == 1 ? "" : " MiB");
}

/* A number of seconds, or of days: 30d. */
static const char *config_age(struct ini_file *file, const struct key *key, uint64_t *seconds, const char *value)
{
	char digits[24] = "";
	size_t length = strlen(value);
	uint64_t unit = 1;

	if (length > 0 && value[length - 1] == 'd') {
		unit = 86400;
		length--;
	}
	if (str_print(digits, sizeof(digits), "%.*s", (int)length, value) == 0 &&
	    str_u64(digits, 0, key->max / unit, seconds) == 0) {
		*seconds *= unit;
		return NULL;
	}
	return ini_file_error(file, "%s: '%.64s' is not a number of seconds, or of days (30d), up to %llu days",
	                      key->name, value, (unsigned long long)(key->max / 86400));
}

static const char *config_text(struct ini_file *file, const struct key *key, char *text, const char *value)
{
	if (key->kind == KIND_PATH) {
		if (!str_is_path(value))
			return ini_file_error(file, "%s: '%.64s' is not an absolute path", key->name, value);
		(void)str_print(text, PATH_MAX, "%s", value);
	} else if (key->kind == KIND_HOSTNAME) {
		if (!config_is_hostname(value) ||
		    str_print(text, sizeof(((struct config *)0)->hostname), "%s", value) < 0)
			return ini_file_error(
			        file,
			        "%s: '%.64s' is not a hostname: letters, digits, - and . with %%n (node) and %%j (job)",
			        key->name, value);
	} else if (key->kind == KIND_NAME) {
		if (!str_is_name(value))
			return ini_file_error(file, "%s: '%.64s' is not a name", key->name, value);
		(void)str_print(text, 65, "%s", value);
	} else if (!list_is_valid(value) || str_print(text, CONFIG_LIST, "%s", value) < 0) {
		return ini_file_error(file, "%s is a list of names separated by commas", key->name);
	}
	return NULL;
}

static const char *config_take_network(struct config *config, struct ini_file *file, const char *key, const char *value)
{
	struct config_network *network = &config->networks[config->network_count - 1];

	if (strcmp(key, "type") != 0)
		return ini_file_error(file, "unknown key '%s' of a network", key);
	if (strcmp(value, "sriov") == 0 || strcmp(value, "bridge") == 0 || strcmp(value, "macvtap") == 0)
		return ini_file_error(file, "networks of type %s are not yet available", value);
	if (!network_find(value))
		return ini_file_error(file, "unknown type of network '%.64s'", value);
	(void)str_print(network->type, sizeof(network->type), "%s", value);
	return NULL;
}

/* One word of a mount's options; false: it is none. */
static bool config_mount_word(const char *word, size_t length, unsigned int *flags, bool *access, bool *once)
{
	if (length == 2 && (strncmp(word, "ro", 2) == 0 || strncmp(word, "rw", 2) == 0)) {
		*once = !*access;
		*access = true;
		*flags |= word[1] == 'o' ? MOUNTS_READ_ONLY : 0U;
		return true;
	}
	*flags |= MOUNTS_OPTIONAL;
	return length == 8 && strncmp(word, "optional", 8) == 0;
}

/* SRC = [DST] ro|rw [optional] */
static const char *config_take_mount(struct config *config, struct ini_file *file, const char *source,
                                     const char *value)
{
	unsigned int flags = MOUNTS_SITE;
	char target[MOUNTS_PATH_SIZE] = "", why[MOUNTS_WHY_SIZE];
	bool access = false, once = true;

	if (value[0] == '/') {
		size_t length = strcspn(value, " \t");

		if (str_print(target, sizeof(target), "%.*s", (int)length, value) < 0)
			return ini_file_error(file, "the path in the guest is too long");
		value += length;
	}
	while (*(value += strspn(value, " \t"))) {
		size_t length = strcspn(value, " \t");

		if (!config_mount_word(value, length, &flags, &access, &once))
			return ini_file_error(file, "'%.64s': a directory of the host has ro or rw, and optional",
			                      value);
		value += length;
	}
	if (!access || !once)
		return ini_file_error(file, "%.128s: say ro or rw%s", source, access ? ", once" : "");
	if (mounts_add(&config->mounts, source, target[0] ? target : NULL, flags, why) < 0)
		return ini_file_error(file, "%s", why);
	return NULL;
}

static const char *config_take(void *context, struct ini_file *file, const char *section, const char *name,
                               const char *value)
{
	struct config *config = context;

	if (strncmp(section, "network ", 8) == 0)
		return config_take_network(config, file, name, value);
	if (strcmp(section, "mounts") == 0)
		return config_take_mount(config, file, name, value);
	if (config_partition_section(section))
		return config_partition_take(config, file, name, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *key = &keys[i];
		void *field = (char *)config + key->offset;

		if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
			continue;
		if (key->kind == KIND_ACCELERATOR)
			return config_accelerator(field, value);
		if (key->kind == KIND_TRANSPORT)
			return config_transport(field, value);
		if (key->kind == KIND_ANSWER)
			return config_answer(name, field, value, file);
		if (key->kind == KIND_COUNT)
			return config_count(key, field, value, file);
		if (key->kind == KIND_AGENT)
			return config_agent(field, value);
		if (key->kind == KIND_COMMANDS)
			return command_names_parse(value, field) < 0
			               ? ini_file_error(file, "%s is yes, no, or a list of commands", name)
			               : NULL;
		if (key->kind == KIND_AGE)
			return config_age(file, key, field, value);
		if (key->kind == KIND_IMAGES)
			return config_images(field, value);
		if (key->kind == KIND_SIZE || key->kind == KIND_SECONDS)
			return config_number(file, key, field, value);
		return config_text(file, key, field, value);
	}
	return ini_file_error(file, "unknown key '%s' in [%s]", name, section);
}

static const char *config_take_section(void *context, struct ini_file *file, const char *section)
{
	struct config *config = context;
	struct config_network *network = &config->networks[config->network_count];

	if (config_partition_section(section))
		return config_partition_begin(config, file, config_partition_section(section));
	if (strcmp(section, "site") == 0 || strcmp(section, "policy") == 0 || strcmp(section, "mounts") == 0 ||
	    strcmp(section, "cache") == 0 || strcmp(section, "fetch") == 0)
		return NULL;
	if (strncmp(section, "network ", 8) != 0)
		return ini_file_error(file, "unknown section [%s]", section);
	if (!str_is_name(section + 8))
		return ini_file_error(file, "'%s' is not a network's name", section + 8);
	if (config->network_count == CONFIG_NETWORKS)
		return "too many networks";
	(void)str_print(network->name, sizeof(network->name), "%s", section + 8);
	config->network_count++;
	return NULL;
}

int config_read(struct config *config, FILE *stream, const char *name, struct failure *why)
{
	int rc;

	config_default(config);
	rc = ini_file_read(stream, name, config_take_section, config_take, config, why);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < config->network_count; i++)
		if (!config->networks[i].type[0])
			return failure_set(why, EXIT_NODE, "%s: [network %s] has no type", name,
			                   config->networks[i].name);
	for (unsigned int i = 0; i < config->partition_count; i++)
		if (!config->partitions[i].image[0])
			return failure_set(why, EXIT_NODE, "%s: [partition %s] has no image", name,
			                   config->partitions[i].name);
	if (!config_network(config, config->network))
		return failure_set(why, EXIT_NODE, "%s: [policy] network = %s: there is no [network %s]", name,
		                   config->network, config->network);
	if (config->boot_timeout > config->boot_timeout_max)
		return failure_set(why, EXIT_NODE, "%s: boot_timeout is more than boot_timeout_max", name);
	return 0;
}

int config_load(struct config *config, struct failure *why)
{
	FILE *stream = NULL;
	int fd = fs_open_file(WNODES_CONF, NULL);
	int rc;

	if (fd == -EPERM)
		return failure_set(why, EXIT_NODE,
		                   WNODES_CONF ": it and its folders must be root's and writable by root alone");
	if (fd >= 0)
		stream = fdopen(fd, "r");
	if (!stream) {
		rc = failure_set(why, EXIT_NODE, WNODES_CONF ": %s", strerror(fd < 0 ? -fd : ENOMEM));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = config_read(config, stream, WNODES_CONF, why);
	fclose(stream);
	return rc;
}

const struct config_network *config_network(const struct config *config, const char *name)
{
	static const struct config_network builtin[] = {{"user", "user"}, {"none", "none"}};

	for (unsigned int i = 0; i < config->network_count; i++)
		if (strcmp(config->networks[i].name, name) == 0)
			return &config->networks[i];
	for (unsigned int i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
		if (strcmp(builtin[i].name, name) == 0)
			return &builtin[i];
	return NULL;
}

bool config_is_hostname(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const char *p = text;

	if (!*p || *p == '-' || *p == '.')
		return false;
	while (*p) {
		size_t plain = strspn(p, letters), joint = strspn(p, "-.");

		if (joint > 1 || (joint && !p[1]))
			return false;
		if (*p == '%' && p[1] != 'n' && p[1] != 'j')
			return false;
		if (!plain && !joint && *p != '%')
			return false;
		p += *p == '%' ? 2 : plain ? plain : joint;
	}
	return true;
}

int config_spool(const struct config *config, const char *node, char *spool)
{
	const char *from = config->slurmd_spool_dir;
	size_t used = 0;

	while (*from && used < PATH_MAX) {
		size_t room = PATH_MAX - used;

		if (from[0] == '%' && from[1] == 'n') {
			if (str_print(spool + used, room, "%s", node) < 0)
				return -ENAMETOOLONG;
			used += strlen(node);
			from += 2;
		} else if (from[0] == '%') {
			return -EINVAL;
		} else {
			spool[used++] = *from++;
		}
	}
	if (used >= PATH_MAX)
		return -ENAMETOOLONG;
	spool[used] = 0;
	return 0;
}
