/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/config_device.h"

#include <stddef.h>
#include <string.h>

#include "common/exitcode.h"
#include "common/str.h"
#include "helper/list.h"

const char *config_device_section(const char *section)
{
	return strncmp(section, "device ", 7) == 0 ? section + 7 : NULL;
}

const char *config_device_begin(struct config_device_list *list, struct ini_file *file, const char *name)
{
	struct config_device *device = &list->sections[list->count];

	if (!str_is_name(name))
		return ini_file_error(file, "'%.64s' is not a device's name", name);
	if (list->count == CONFIG_DEVICES)
		return "too many devices";
	(void)str_print(device->name, sizeof(device->name), "%s", name);
	device->line = ini_file_line(file);
	list->count++;
	return NULL;
}

static const char *take_gres(struct config_device *device, struct ini_file *file, const char *value)
{
	device->gres_line = ini_file_line(file);
	if (strchr(value, ':'))
		return ini_file_error(file, "gres: '%.64s': a name without a type: the index goes through all types",
		                      value);
	if (!str_is_name(value))
		return ini_file_error(file, "gres: '%.64s' is not a GRES's name", value);
	(void)str_print(device->gres, sizeof(device->gres), "%s", value);
	return NULL;
}

/* Addresses, or `-`, separated by commas. */
static const char *take_devices(struct config_device *device, struct ini_file *file, const char *value)
{
	char word[256];

	device->devices_line = ini_file_line(file);
	for (const char *at = value; at;) {
		struct pci_address *pci = &device->pci[device->count];

		at = list_next(at, word, sizeof(word));
		if (device->count == CONFIG_DEVICE_PCI)
			return ini_file_error(file, "devices: more than %u", CONFIG_DEVICE_PCI);
		if (strcmp(word, "-") != 0 && pci_parse(word, pci) < 0)
			return ini_file_error(file,
			                      "devices: '%.32s' is no PCI address (0000:81:00.0), nor - for an index "
			                      "that machines do not get",
			                      word);
		device->count++;
	}
	return NULL;
}

const char *config_device_take(struct config_device_list *list, struct ini_file *file, const char *key,
                               const char *value)
{
	struct config_device *device = &list->sections[list->count - 1];

	if (strcmp(key, "gres") == 0)
		return take_gres(device, file, value);
	if (strcmp(key, "devices") == 0)
		return take_devices(device, file, value);
	return ini_file_error(file, "unknown key '%s' of a device", key);
}

/* The section, up to and with this one, which has the address already, before that place of it; NULL. */
static const struct config_device *first_with(const struct config_device_list *list, unsigned int section,
                                              unsigned int place)
{
	const struct pci_address *pci = &list->sections[section].pci[place];

	for (unsigned int i = 0; i <= section; i++) {
		const struct config_device *device = &list->sections[i];

		for (unsigned int j = 0; j < (i == section ? place : device->count); j++)
			if (pci->name[0] && pci_is(&device->pci[j], pci))
				return device;
	}
	return NULL;
}

static int check_one(const struct config_device_list *list, unsigned int section, const char *name, struct failure *why)
{
	const struct config_device *device = &list->sections[section];

	if (!device->gres[0] || device->count == 0)
		return failure_set(why, EXIT_NODE, "%s:%d: [device %s] has no %s", name, device->line, device->name,
		                   device->gres[0] ? "devices" : "gres");
	for (unsigned int i = 0; i < section; i++)
		if (strcmp(list->sections[i].gres, device->gres) == 0)
			return failure_set(why, EXIT_NODE, "%s:%d: [device %s]: GRES %s is [device %s]'s", name,
			                   device->gres_line, device->name, device->gres, list->sections[i].name);
	for (unsigned int i = 0; i < device->count; i++) {
		const struct config_device *other = first_with(list, section, i);

		if (other)
			return failure_set(why, EXIT_NODE, "%s:%d: [device %s]: %s is given twice; also in [device %s]",
			                   name, device->devices_line, device->name, device->pci[i].name, other->name);
	}
	return 0;
}

int config_device_check(const struct config_device_list *list, const char *name, struct failure *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < list->count; i++)
		rc = check_one(list, i, name, why);
	return rc;
}
