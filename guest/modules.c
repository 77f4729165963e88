/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/modules.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "guest/execute.h"
#include "guest/log.h"
#include "guest/small_file.h"

#define MODPROBE_SECONDS 60U /* a NIC's driver may take its time */

/* The first line of the device's file; "" where there is none. */
static void read_line(const char *folder, const char *device, const char *file, char *line, size_t size)
{
	char path[PATH_MAX];

	line[0] = 0;
	if (str_print(path, sizeof(path), "%s/%s/%s", folder, device, file) == 0)
		(void)small_file_line(path, line, size);
}

static bool has_driver(const char *folder, const char *device)
{
	char path[PATH_MAX];

	return str_print(path, sizeof(path), "%s/%s/driver", folder, device) < 0 || access(path, F_OK) == 0;
}

/* The devices of a bus whose file begins with the word. */
static size_t find(const char *sys, const char *bus, const char *file, const char *word, size_t count,
                   char aliases[MODULES_MAX][MODULES_ALIAS])
{
	char folder[PATH_MAX], line[MODULES_ALIAS];
	struct dirent *entry;
	DIR *devices;

	if (str_print(folder, sizeof(folder), "%s/bus/%s/devices", sys, bus) < 0)
		return count;
	devices = opendir(folder);
	while (devices && count < MODULES_MAX && (entry = readdir(devices))) {
		if (entry->d_name[0] == '.')
			continue;
		read_line(folder, entry->d_name, file, line, sizeof(line));
		if (strncmp(line, word, strlen(word)) != 0 || has_driver(folder, entry->d_name))
			continue;
		read_line(folder, entry->d_name, "modalias", aliases[count], MODULES_ALIAS);
		count += aliases[count][0] != 0;
	}
	if (devices)
		closedir(devices);
	return count;
}

size_t modules_missing(const char *sys, char aliases[MODULES_MAX][MODULES_ALIAS])
{
	size_t count = find(sys, "pci", "class", "0x02", 0, aliases);

	return find(sys, "virtio", "device", "0x0001", count, aliases);
}

void modules_load_missing(void)
{
	static char aliases[MODULES_MAX][MODULES_ALIAS];
	const char *argv[3 + MODULES_MAX + 1] = {"modprobe", "-q", "-a"};
	size_t count = modules_missing("/sys", aliases);

	for (size_t i = 0; i < count; i++)
		argv[3 + i] = aliases[i];
	if (count > 0 && execute_start(argv, MODPROBE_SECONDS) < 0)
		agent_log("modprobe cannot be started");
}
