/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_partition.h"

#include <stddef.h>
#include <string.h>

#include "common/str.h"

const char *config_partition_section(const char *section)
{
	return strncmp(section, "partition ", 10) == 0 ? section + 10 : NULL;
}

const char *config_partition_begin(struct config *config, struct ini_file *file, const char *name)
{
	struct config_partition *partition = &config->partitions[config->partition_count];

	if (!str_is_name(name))
		return ini_file_error(file, "'%s' is not a partition's name", name);
	if (config->partition_count == CONFIG_PARTITIONS)
		return "too many partitions";
	(void)str_print(partition->name, sizeof(partition->name), "%s", name);
	partition->line = ini_file_line(file);
	config->partition_count++;
	return NULL;
}

const char *config_partition_take(struct config *config, struct ini_file *file, const char *key, const char *value)
{
	struct config_partition *partition = &config->partitions[config->partition_count - 1];
	unsigned int number;
	const char *error;

	if (strcmp(key, "image") == 0) {
		partition->image_line = ini_file_line(file);
		if (!str_is_name(value) || strcmp(value, CONFIG_NO_IMAGE) == 0)
			return ini_file_error(file, "image: '%.64s' is not an image's name", value);
		(void)str_print(partition->image, sizeof(partition->image), "%s", value);
		return NULL;
	}
	if (strcmp(key, "allow_none") != 0)
		return ini_file_error(file, "unknown key '%s' of a partition", key);
	error = ini_file_word(file, key, "yes or no", value, &number);
	if (!error)
		partition->allow_none = number == 0 ? CONFIG_YES : CONFIG_NO;
	return error;
}

const struct config_partition *config_partition(const struct config *config, const char *name)
{
	for (unsigned int i = 0; name && i < config->partition_count; i++)
		if (strcmp(config->partitions[i].name, name) == 0)
			return &config->partitions[i];
	return NULL;
}

bool config_partition_allows_none(const struct config *config, const struct config_partition *partition)
{
	return (partition->allow_none ? partition->allow_none : config->allow_none) == CONFIG_YES;
}
