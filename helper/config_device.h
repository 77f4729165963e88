/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [device NAME] of wnodes.conf: PCI devices that machines get as Slurm allocates a GRES. */
#ifndef WNODES_HELPER_CONFIG_DEVICE_H
#define WNODES_HELPER_CONFIG_DEVICE_H

#include <stdbool.h>

#include "helper/failure.h"
#include "helper/ini_file.h"
#include "helper/pci.h"

#define CONFIG_DEVICES 16U    /* sections */
#define CONFIG_DEVICE_PCI 64U /* devices of a section */

struct config_device {
	char name[65];
	char gres[65];                             /* the GRES's name, without a type; "": not given */
	struct pci_address pci[CONFIG_DEVICE_PCI]; /* by the GRES's index; an empty name: not for machines */
	unsigned int count;
	int line, gres_line, devices_line; /* the section's and the keys' */
};

/** All sections. */
struct config_device_list {
	struct config_device sections[CONFIG_DEVICES];
	unsigned int count;
};

/** The name of a device's section (`device NAME`), NULL where it is another section. */
const char *config_device_section(const char *section);

/** Begin the section of device name. NULL, or what is wrong with it. */
const char *config_device_begin(struct config_device_list *list, struct ini_file *file, const char *name);

/** Take a key of the section that was begun last. NULL, or what is wrong with it. */
const char *config_device_take(struct config_device_list *list, struct ini_file *file, const char *key,
                               const char *value);

/**
 * When the file called name has been read: each section is whole, and each
 * GRES and each device is in one. Returns 0 or -EIO with why (EXIT_NODE).
 */
int config_device_check(const struct config_device_list *list, const char *name, struct failure *why);

#endif
