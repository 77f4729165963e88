/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/options.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/disk_option.h"
#include "common/exitcode.h"
#include "common/mounts.h"
#include "common/network_option.h"
#include "common/str.h"
#include "plugin/console.h"

#define BOOT_TIMEOUT_MAX 86400U /* seconds */

static struct options given;

enum { OPTION_VM, OPTION_CONSOLE, OPTION_BOOT_TIMEOUT, OPTION_DISK, OPTION_NETWORK, OPTION_MOUNT, OPTIONS };

static int on_option(int value, const char *argument, int remote);

static struct spank_option table[OPTIONS] = {
        [OPTION_VM] = {"vm", "IMAGE",
                       "run the job in a virtual machine booted from IMAGE, a name in the site's catalogue, or "
                       "a file of yours where the site allows it; none: in no machine",
                       1, OPTION_VM, on_option},
        [OPTION_CONSOLE] = {"vm-console", "FILE", "keep the virtual machine's serial console in FILE", 1,
                            OPTION_CONSOLE, on_option},
        [OPTION_BOOT_TIMEOUT] = {"vm-boot-timeout", "SECONDS",
                                 "give up when the virtual machine is not ready SECONDS after its start", 1,
                                 OPTION_BOOT_TIMEOUT, on_option},
        [OPTION_DISK] = {"vm-disk", "[MODE][,KEY=VALUE...]",
                         "the virtual machine's disk: overlay, snapshot, raw or block, with size=SIZE and "
                         "prealloc=off|metadata|falloc|full",
                         1, OPTION_DISK, on_option},
        [OPTION_NETWORK] = {"vm-network", "NAME[,NAME...]",
                            "the networks that the virtual machine is connected to, of those that the site has; "
                            "none: no network",
                            1, OPTION_NETWORK, on_option},
        [OPTION_MOUNT] = {"vm-mount", "SRC[:DST][:ro],...",
                          "show the host's directory SRC in the virtual machine, as DST; ro: read only", 1,
                          OPTION_MOUNT, on_option},
};

static const char **slot(struct options *options, int value)
{
	switch (value) {
	case OPTION_VM:
		return &options->image;
	case OPTION_CONSOLE:
		return &options->console;
	case OPTION_BOOT_TIMEOUT:
		return &options->boot_timeout;
	case OPTION_DISK:
		return &options->disk;
	case OPTION_NETWORK:
		return &options->network;
	default:
		return &options->mount;
	}
}

static int on_option(int value, const char *argument, int remote)
{
	(void)remote;
	*slot(&given, value) = strdup(argument ? argument : "");
	return 0;
}

int options_register(spank_t spank, int argc, char **argv)
{
	if (argc > 0) {
		slurm_error("wnodes: plugstack.conf: unknown argument '%s': this plugin takes none", argv[0]);
		return -1;
	}
	for (int i = 0; i < OPTIONS; i++) {
		if (spank_option_register(spank, &table[i]) != ESPANK_SUCCESS) {
			slurm_error("wnodes: cannot register option --%s", table[i].name);
			return -1;
		}
	}
	return 0;
}

const struct options *options_given(void)
{
	return &given;
}

void options_of_job(spank_t spank, struct options *options)
{
	*options = (struct options){0};
	for (int i = 0; i < OPTIONS; i++) {
		char *argument = NULL;

		if (spank_option_getopt(spank, &table[i], &argument) == ESPANK_SUCCESS && argument)
			*slot(options, i) = argument;
	}
}

const char *options_image(const struct options *options)
{
	return options->image && strcmp(options->image, OPTIONS_NONE) != 0 ? options->image : NULL;
}

const char *options_needing_machine(const struct options *options)
{
	if (options->console)
		return "console";
	if (options->boot_timeout)
		return "boot-timeout";
	if (options->network)
		return "network";
	return options->mount ? "mount" : options->disk ? "disk" : NULL;
}

/* A name, or a file's path as the nodes see it. */
static bool is_image(const char *image)
{
	return str_is_name(image) || str_is_path(image);
}

static bool mount_is_wrong(const char *text, char *problem)
{
	static struct mounts mounts;

	mounts.count = 0;
	return mounts_parse(&mounts, text, 0, problem) < 0;
}

static bool disk_is_wrong(const char *text, char *problem, size_t size)
{
	struct disk_option option;

	return disk_option_parse(&option, text, problem, size) < 0;
}

static bool network_is_wrong(const char *text, char *problem, size_t size)
{
	struct network_option option;

	return network_option_parse(&option, text, problem, size) < 0;
}

int options_check(const struct options *options, bool has_default, char *why, size_t size)
{
	char path[PATH_MAX];
	char problem[MOUNTS_WHY_SIZE];
	uint64_t seconds;

	why[0] = 0;
	if (!options_image(options) && options_needing_machine(options) && (options->image || !has_default))
		snprintf(why, size, "--vm-%s needs --vm=IMAGE", options_needing_machine(options));
	else if (options->image && !is_image(options->image))
		snprintf(why, size,
		         "--vm=%.80s: neither an image's name (letters, digits and . _ : -) nor a file's absolute "
		         "path without '.' and '..' parts",
		         options->image);
	else if (options->console && console_path(options->console, 0, "", "/", path, sizeof(path)) < 0)
		snprintf(why, size, "--vm-console=%.80s: give a file's name; of patterns it may have %%j, %%N and %%%%",
		         options->console);
	else if (options->boot_timeout && str_u64(options->boot_timeout, 1, BOOT_TIMEOUT_MAX, &seconds) < 0)
		snprintf(why, size, "--vm-boot-timeout=%.40s: give whole seconds from 1 to %u", options->boot_timeout,
		         BOOT_TIMEOUT_MAX);
	else if (options->mount && mount_is_wrong(options->mount, problem))
		snprintf(why, size, "--vm-mount: %.240s", problem);
	else if (options->disk && disk_is_wrong(options->disk, problem, sizeof(problem)))
		snprintf(why, size, "--vm-disk: %.240s", problem);
	else if (options->network && network_is_wrong(options->network, problem, sizeof(problem)))
		snprintf(why, size, "--vm-network: %.240s", problem);
	str_printable(why);
	return why[0] ? EXIT_USAGE : 0;
}
