/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/machine_device.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

/* DDDD:BB:SS.F in hexadecimal */
static bool is_pci_address(const char *text)
{
	static const char form[] = "xxxx:xx:xx.x";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return true;
}

static int fail(const char **problem, const char *text)
{
	*problem = text;
	return -EINVAL;
}

/* GROUP,GROUP */
static int read_groups(const char *text, struct machine_devices *devices, const char **problem)
{
	while (text && *text) {
		size_t length = strspn(text, "0123456789");

		if (length == 0 || length > 9 || (text[length] && (text[length] != ',' || !text[length + 1])))
			return fail(problem, "is no list of groups");
		if (devices->group_count == MACHINE_GROUPS_MAX)
			return fail(problem, "has too many groups");
		devices->groups[devices->group_count++] = (unsigned int)strtoul(text, NULL, 10);
		text += length;
		text += *text == ',';
	}
	return 0;
}

int machine_device_read(const struct kv *kv, struct machine_devices *devices, const char **key, const char **problem)
{
	static char name[32];
	uint64_t count = 0;
	int rc = kv_get_u64(kv, "devices", 0, MACHINE_DEVICES_MAX, &count);

	*devices = (struct machine_devices){0};
	*key = "devices";
	if (rc < 0 && rc != -ENOENT)
		return fail(problem, "is not a number, or out of range");
	*key = name;
	for (; devices->count < count; devices->count++) {
		const char *value;

		(void)str_print(name, sizeof(name), "device.%u.pci", devices->count);
		value = kv_get(kv, name);
		if (!value || !is_pci_address(value))
			return fail(problem, "is no address of a PCI device");
		devices->pci[devices->count] = value;
	}
	*key = "vfio";
	if (count > 0 && !kv_get(kv, "vfio"))
		return fail(problem, "is missing");
	return read_groups(kv_get(kv, "vfio"), devices, problem);
}
