/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_machine.h"

#include <stddef.h>
#include <string.h>

#define WORDS 3U

static const struct key {
	const char *name;
	size_t offset;
	const char *words;
	uint64_t values[WORDS]; /* of the words */
} keys[] = {
#define AT(field) offsetof(struct config, machine.field)
        {"pinning", AT(pinning), "yes or no", {CONFIG_YES, CONFIG_NO}},
        {"numa", AT(numa), "yes or no", {CONFIG_YES, CONFIG_NO}},
        {"numa_mode", AT(numa_strict), "preferred or strict", {CONFIG_NO, CONFIG_YES}},
        {"hugepages", AT(hugepage_kib), "no, 2M or 1G", {0, 2048, 1048576}},
        {"memory_prealloc", AT(prealloc), "yes or no", {CONFIG_YES, CONFIG_NO}},
        {"free_page_reporting", AT(reporting), "yes or no", {CONFIG_YES, CONFIG_NO}},
#undef AT
};

/* Two words that contradict each other: known with the second of them. */
static const char *contradiction(const struct config_machine *machine)
{
	if (machine->reporting == CONFIG_YES && machine->hugepage_kib)
		return "free_page_reporting = yes and hugepages exclude each other: what a machine has reserved of "
		       "the pool, it keeps";
	if (machine->reporting == CONFIG_YES && machine->prealloc == CONFIG_YES)
		return "free_page_reporting = yes and memory_prealloc = yes exclude each other";
	if (machine->numa == CONFIG_YES && machine->pinning == CONFIG_NO)
		return "numa = yes needs CPUs that are pinned, and pinning is no";
	if (machine->numa == CONFIG_NO && machine->numa_strict != CONFIG_UNSAID)
		return "numa_mode has no meaning with numa = no";
	return NULL;
}

const char *config_machine_take(struct config *config, struct ini_file *file, const char *name, const char *value)
{
	const char *error;
	unsigned int number;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *key = &keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		error = ini_file_word(file, name, key->words, value, &number);
		if (error)
			return error;
		memcpy((char *)config + key->offset, &key->values[number], sizeof(key->values[number]));
		return contradiction(&config->machine);
	}
	return ini_file_error(file, "unknown key '%s' in [machine]", name);
}

bool config_machine_reports(const struct config *config)
{
	const struct config_machine *machine = &config->machine;

	return machine->reporting == CONFIG_YES ||
	       (machine->reporting == CONFIG_UNSAID && !machine->hugepage_kib && machine->prealloc != CONFIG_YES);
}
