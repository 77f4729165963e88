/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/exitcode.h"
#include "common/paths.h"
#include "common/size.h"
#include "common/str.h"
#include "helper/config_machine.h"
#include "helper/config_partition.h"
#include "helper/fs.h"
#include "helper/ini_file.h"
#include "helper/list.h"

struct key;

/* How a key's value comes into its field; NULL, or what is wrong with it. */
typedef const char *take(const struct key *key, struct ini_file *file, void *field, const char *value);

struct key {
	const char *section, *name;
	take *take;
	size_t offset;
	uint64_t min, max; /* of numbers; bytes or seconds */
	const char *words; /* of choices, in the order of their enum */
};

/* The number of the word. */
static const char *take_word(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	*(uint64_t *)field = number;
	return error;
}

static const char *take_images(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	*(bool *)field = number == 1;
	return error;
}

static const char *take_answer(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	*(uint64_t *)field = !error && number == 0 ? CONFIG_YES : CONFIG_NO;
	return error;
}

static const char *take_agent(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	unsigned int number;
	const char *error = ini_file_word(file, key->name, key->words, value, &number);

	if (!error)
		(void)str_print(field, sizeof(((struct config *)0)->user_images_agent), "%s", value);
	return error;
}

static const char *take_commands(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	return command_names_parse(value, field) < 0
	               ? ini_file_error(file, "%s is yes, no, or a list of commands", key->name)
	               : NULL;
}

static const char *take_count(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	if (str_u64(value, key->min, key->max, field) < 0)
		return ini_file_error(file, "%s: '%.64s' is not a number from %llu to %llu", key->name, value,
		                      (unsigned long long)key->min, (unsigned long long)key->max);
	return NULL;
}

static const char *take_size(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	uint64_t *size = field;

	if (str_size(value, size) == 0 && *size >= key->min && *size <= key->max)
		return NULL;
	return ini_file_error(file, "%s: '%.64s' is not a size from %llu to %llu MiB", key->name, value,
	                      (unsigned long long)(key->min / MIB), (unsigned long long)(key->max / MIB));
}

static const char *take_seconds(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	if (str_u64(value, key->min, key->max, field) == 0)
		return NULL;
	return ini_file_error(file, "%s: '%.64s' is not a number of seconds from %llu to %llu", key->name, value,
	                      (unsigned long long)key->min, (unsigned long long)key->max);
}

/* A number of seconds, or of days: 30d. */
static const char *take_age(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	char digits[24] = "";
	size_t length = strlen(value);
	uint64_t *seconds = field, unit = 1;

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

static const char *take_path(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	if (!str_is_path(value))
		return ini_file_error(file, "%s: '%.64s' is not an absolute path", key->name, value);
	(void)str_print(field, PATH_MAX, "%s", value);
	return NULL;
}

static const char *take_hostname(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	if (!config_is_hostname(value) || str_print(field, sizeof(((struct config *)0)->hostname), "%s", value) < 0)
		return ini_file_error(
		        file, "%s: '%.64s' is not a hostname: letters, digits, - and . with %%n (node) and %%j (job)",
		        key->name, value);
	return NULL;
}

static const char *take_list(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	if (!list_is_valid(value) || str_print(field, CONFIG_LIST, "%s", value) < 0)
		return ini_file_error(file, "%s is a list of names separated by commas", key->name);
	return NULL;
}

static const char *take_networks(const struct key *key, struct ini_file *file, void *field, const char *value)
{
	char why[128];

	return network_option_parse(field, value, why, sizeof(why)) < 0 ? ini_file_error(file, "%s: %s", key->name, why)
	                                                                : NULL;
}

static const struct key keys[] = {
#define AT(field) offsetof(struct config, field)
        {"site", "accelerator", take_word, AT(accelerator), 0, 0, "auto, kvm or tcg"},
        {"site", "emulator", take_path, AT(emulator), 0, 0, NULL},
        {"site", "qemu_img", take_path, AT(qemu_img), 0, 0, NULL},
        {"site", "mount_transport", take_word, AT(mount_transport), 0, 0, "auto, 9p or virtiofs"},
        {"site", "virtiofsd", take_path, AT(virtiofsd), 0, 0, NULL},
        {"site", "passt", take_path, AT(passt), 0, 0, NULL},
        {"site", "slurmd_spool_dir", take_path, AT(slurmd_spool_dir), 0, 0, NULL},
        {"site", "slurm_conf", take_path, AT(slurm_conf), 0, 0, NULL},
        {"site", "overlay_dir", take_path, AT(overlay_dir), 0, 0, NULL},
        {"site", "hostname", take_hostname, AT(hostname), 0, 0, NULL},
        {"site", "memory_reserve", take_size, AT(memory_reserve), 64 * MIB, 65536 * MIB, NULL},
        {"site", "tb_cache", take_size, AT(tb_cache), 8 * MIB, 4096 * MIB, NULL},
        {"site", "memory_per_cpu", take_size, AT(memory_per_cpu), 0, UINT64_C(1) << 44, NULL},
        {"site", "boot_timeout", take_seconds, AT(boot_timeout), 1, 86400, NULL},
        {"site", "boot_timeout_max", take_seconds, AT(boot_timeout_max), 1, 86400, NULL},
        {"policy", "allow_users", take_list, AT(allow_users), 0, 0, NULL},
        {"policy", "allow_groups", take_list, AT(allow_groups), 0, 0, NULL},
        {"policy", "allow_accounts", take_list, AT(allow_accounts), 0, 0, NULL},
        {"policy", "allow_partitions", take_list, AT(allow_partitions), 0, 0, NULL},
        {"policy", "allow_none", take_answer, AT(allow_none), 0, 0, "yes or no"},
        {"policy", "machines_max", take_count, AT(machines_max), 0, 100000, NULL},
        {"policy", "overlay_max", take_size, AT(overlay_max), 0, UINT64_C(1) << 60, NULL},
        {"policy", "user_images", take_list, AT(user_images), 0, 0, NULL},
        {"policy", "user_images_agent", take_agent, AT(user_images_agent), 0, 0, "builtin or cloud-init"},
        {"policy", "user_images_slurm_commands", take_commands, AT(user_commands), 0, 0, NULL},
        {"policy", "network", take_networks, AT(network), 0, 0, NULL},
        {"policy", "slurm_commands", take_commands, AT(commands), 0, 0, NULL},
        {"cache", "dir", take_path, AT(cache_dir), 0, 0, NULL},
        {"cache", "size_max", take_size, AT(cache_size_max), 0, UINT64_C(1) << 50, NULL},
        {"cache", "age_max", take_age, AT(cache_age_max), 0, UINT64_C(3650) * 86400, NULL},
        {"fetch", "ca_file", take_path, AT(fetch_ca_file), 0, 0, NULL},
        {"fetch", "rate", take_size, AT(fetch_rate), 0, UINT64_C(1) << 40, NULL},
        {"fetch", "stall_timeout", take_seconds, AT(fetch_stall_timeout), 1, 86400, NULL},
        {"fetch", "timeout", take_seconds, AT(fetch_timeout), 1, 86400, NULL},
        {"fetch", "size_max", take_size, AT(fetch_size_max), MIB, UINT64_C(1) << 50, NULL},
        {"fetch", "virtual_size_max", take_size, AT(fetch_virtual_size_max), MIB, UINT64_C(1) << 50, NULL},
        {"policy", "slurm_images", take_images, AT(other_images), 0, 0, "own or any"},
#undef AT
};

_Static_assert(sizeof(keys) / sizeof(keys[0]) == CONFIG_KEYS, "a line for each key");

void config_default(struct config *config)
{
	*config = (struct config){
	        .emulator = "/usr/bin/qemu-system-x86_64",
	        .qemu_img = "/usr/bin/qemu-img",
	        .virtiofsd = "/usr/libexec/virtiofsd",
	        .passt = "/usr/bin/passt",
	        .slurmd_spool_dir = "/var/spool/slurmd",
	        .overlay_dir = WNODES_STATEDIR "/overlays",
	        .hostname = "%n-%j",
	        .memory_reserve = 256 * MIB,
	        .tb_cache = 64 * MIB,
	        .boot_timeout = 300,
	        .boot_timeout_max = 3600,
	        .user_images_agent = "builtin",
	        .network = {.names = {"user"}, .count = 1},
	        .cache_dir = WNODES_STATEDIR "/images",
	        .fetch_stall_timeout = 60,
	        .fetch_timeout = 3600,
	        .fetch_size_max = UINT64_C(64) << 30,
	        .fetch_virtual_size_max = UINT64_C(2) << 40,
	        .commands = COMMAND_NAMES,
	};
	config_disk_default(&config->disk);
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
		return config_network_take(&config->networks[config->network_count - 1], file, name, value);
	if (strcmp(section, "mounts") == 0)
		return config_take_mount(config, file, name, value);
	if (strcmp(section, "disk") == 0)
		return config_disk_take(&config->disk, file, name, value);
	if (strcmp(section, "machine") == 0)
		return config_machine_take(config, file, name, value);
	if (config_partition_section(section))
		return config_partition_take(config, file, name, value);
	if (config_device_section(section))
		return config_device_take(&config->pci_devices, file, name, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *key = &keys[i];
		void *field = (char *)config + key->offset;

		if (strcmp(key->section, section) != 0 || strcmp(key->name, name) != 0)
			continue;
		config->lines[i] = ini_file_line(file);
		return key->take(key, file, field, value);
	}
	return ini_file_error(file, "unknown key '%s' in [%s]", name, section);
}

/* Where a key was given; 0: it was not. */
static int line_of(const struct config *config, const char *section, const char *name)
{
	for (size_t i = 0; i < CONFIG_KEYS; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return config->lines[i];
	return 0;
}

static const char *config_take_section(void *context, struct ini_file *file, const char *section)
{
	struct config *config = context;
	struct config_network *network = &config->networks[config->network_count];
	const char *error;

	if (config_partition_section(section))
		return config_partition_begin(config, file, config_partition_section(section));
	if (config_device_section(section))
		return config_device_begin(&config->pci_devices, file, config_device_section(section));
	if (strcmp(section, "site") == 0 || strcmp(section, "policy") == 0 || strcmp(section, "mounts") == 0 ||
	    strcmp(section, "cache") == 0 || strcmp(section, "fetch") == 0 || strcmp(section, "disk") == 0 ||
	    strcmp(section, "machine") == 0)
		return NULL;
	if (strncmp(section, "network ", 8) != 0)
		return ini_file_error(file, "unknown section [%s]%s", section,
		                      strncasecmp(section, "network", 7) == 0 ? ": a network's is [network NAME]" : "");
	if (config->network_count == CONFIG_NETWORKS)
		return "too many networks";
	error = config_network_begin(network, file, section + 8);
	config->network_count += error == NULL;
	return error;
}

/* What jobs get that say nothing of networks. */
static int config_check_networks(const struct config *config, const char *name, struct failure *why)
{
	int line = line_of(config, "policy", "network");
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < config->network_count; i++)
		rc = config_network_check(&config->networks[i], name, why);
	for (unsigned int i = 0; rc == 0 && i < config->network.count; i++) {
		const char *wanted = config->network.names[i];
		const struct config_network *network = config_network(config, wanted);

		if (!network)
			rc = failure_set(why, EXIT_NODE, "%s:%d: [policy] network = %s: there is no [network %s]", name,
			                 line, wanted, wanted);
		else if (config->network.count > 1 && strcmp(network->type, NETWORK_NONE) == 0)
			rc = failure_set(why, EXIT_NODE,
			                 "%s:%d: [policy] network: %s is of type none, and goes with no other network",
			                 name, line, wanted);
	}
	return rc;
}

/* Of the two lines the later one, which may be the only one. */
static int config_check_timeouts(const struct config *config, const char *name, struct failure *why)
{
	int is = line_of(config, "site", "boot_timeout"), max = line_of(config, "site", "boot_timeout_max");

	if (config->boot_timeout <= config->boot_timeout_max)
		return 0;
	return failure_set(why, EXIT_NODE, "%s:%d: boot_timeout is more than boot_timeout_max", name,
	                   is > max ? is : max);
}

int config_read(struct config *config, FILE *stream, const char *name, struct failure *why)
{
	int rc;

	config_default(config);
	rc = ini_file_read(stream, name, config_take_section, config_take, config, why);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < config->partition_count; i++)
		if (!config->partitions[i].image[0])
			return failure_set(why, EXIT_NODE, "%s:%d: [partition %s] has no image", name,
			                   config->partitions[i].line, config->partitions[i].name);
	rc = config_check_timeouts(config, name, why);
	if (rc == 0)
		rc = config_check_networks(config, name, why);
	if (rc == 0)
		rc = config_device_check(&config->pci_devices, name, why);
	return rc == 0 ? config_disk_check(&config->disk, name, why) : rc;
}

int config_load(struct config *config, struct failure *why)
{
	FILE *stream = NULL;
	int fd = fs_open_file(WNODES_CONF, NULL);
	int rc;

	if (fd >= 0)
		stream = fdopen(fd, "r");
	if (!stream) {
		rc = failure_set(why, EXIT_NODE, WNODES_CONF ": %s", fs_error(fd < 0 ? fd : -ENOMEM));
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
	static const char *const names[] = {"user", NETWORK_NONE};
	static struct config_network builtin[2];

	for (unsigned int i = 0; i < config->network_count; i++)
		if (strcmp(config->networks[i].name, name) == 0)
			return &config->networks[i];
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		config_network_default(&builtin[i], name, name);
		return &builtin[i];
	}
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
