/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_machine.h"

#include <stddef.h>
#include <string.h>

struct word {
	const char *word;
	uint64_t value;
};

static const struct word answers[] = {{"yes", CONFIG_YES}, {"no", CONFIG_NO}, {NULL, 0}};
static const struct word pages[] = {{"no", 0}, {"2M", 2048}, {"1G", 1048576}, {NULL, 0}};
static const struct word modes[] = {{"preferred", CONFIG_NO}, {"strict", CONFIG_YES}, {NULL, 0}};

static const struct key {
	const char *name;
	size_t offset;
	const struct word *words;
	const char *list;
} keys[] = {
#define AT(field) offsetof(struct config, machine.field)
        {"pinning", AT(pinning), answers, "yes or no"},
        {"numa", AT(numa), answers, "yes or no"},
        {"numa_mode", AT(numa_strict), modes, "preferred or strict"},
        {"hugepages", AT(hugepage_kib), pages, "no, 2M or 1G"},
        {"memory_prealloc", AT(prealloc), answers, "yes or no"},
        {"free_page_reporting", AT(reporting), answers, "yes or no"},
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
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *key = &keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		for (const struct word *word = key->words; word->word; word++) {
			if (strcmp(word->word, value) != 0)
				continue;
			memcpy((char *)config + key->offset, &word->value, sizeof(word->value));
			return contradiction(&config->machine);
		}
		return ini_file_error(file, "%s is %s", name, key->list);
	}
	return ini_file_error(file, "unknown key '%s' in [machine]", name);
}

bool config_machine_reports(const struct config *config)
{
	const struct config_machine *machine = &config->machine;

	return machine->reporting == CONFIG_YES ||
	       (machine->reporting == CONFIG_UNSAID && !machine->hugepage_kib && machine->prealloc != CONFIG_YES);
}
