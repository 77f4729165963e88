/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site's configuration, wnodes.conf(5). */
#ifndef WNODES_HELPER_CONFIG_H
#define WNODES_HELPER_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/mounts.h"
#include "common/command_names.h"
#include "common/network_option.h"
#include "helper/config_device.h"
#include "helper/config_disk.h"
#include "helper/config_network.h"
#include "helper/failure.h"

enum accelerator { ACCELERATOR_AUTO, ACCELERATOR_KVM, ACCELERATOR_TCG };
enum mount_transport { MOUNT_TRANSPORT_AUTO, MOUNT_TRANSPORT_9P, MOUNT_TRANSPORT_VIRTIOFS };

#define CONFIG_LIST 4096U /* bytes of a list of names */
#define CONFIG_PARTITIONS 128U
#define CONFIG_KEYS 37U
#define CONFIG_NO_IMAGE "none" /* --vm=none: no machine */

enum config_answer { CONFIG_UNSAID, CONFIG_YES, CONFIG_NO };

/* [machine]; of type enum config_answer but for the last. */
struct config_machine {
	uint64_t pinning, numa, numa_strict, prealloc, reporting;
	uint64_t hugepage_kib; /* 0: ordinary pages */
};

/* What jobs of a partition get that do not say --vm. */
struct config_partition {
	char name[65];
	char image[65];
	uint64_t allow_none;  /* enum config_answer */
	int line, image_line; /* the section's and the key's */
};

/* Sizes are in bytes, times in seconds. Flat: nothing to free. */
struct config {
	uint64_t accelerator;     /* enum accelerator */
	uint64_t mount_transport; /* enum mount_transport */
	char emulator[PATH_MAX];
	char qemu_img[PATH_MAX];
	char virtiofsd[PATH_MAX];
	char passt[PATH_MAX];
	char slurmd_spool_dir[PATH_MAX]; /* %n: the node's name */
	char slurm_conf[PATH_MAX];       /* "": libslurm finds it */
	char overlay_dir[PATH_MAX];
	char hostname[65]; /* a machine's; %n: the node, %j: the job */
	uint64_t memory_reserve, tb_cache, memory_per_cpu;
	uint64_t boot_timeout, boot_timeout_max;
	char allow_users[CONFIG_LIST], allow_groups[CONFIG_LIST]; /* separated by commas; "" allows everybody */
	struct network_option network;                            /* of a job that says none */
	bool other_images;                /* what a machine submits may run in another image than its own */
	char commands[COMMAND_NAMES_MAX]; /* of Slurm that work in machines; "": none */
	char cache_dir[PATH_MAX];
	uint64_t cache_size_max, cache_age_max; /* 0: none */
	char fetch_ca_file[PATH_MAX];           /* "": the system's */
	uint64_t fetch_rate;                    /* bytes a second; 0: no limit */
	uint64_t fetch_stall_timeout, fetch_timeout;
	uint64_t fetch_size_max, fetch_virtual_size_max;
	struct config_network networks[CONFIG_NETWORKS];
	unsigned int network_count;
	struct mounts mounts; /* [mounts] */
	struct config_disk disk;
	struct config_device_list pci_devices;

	int lines[CONFIG_KEYS]; /* where each key of config.c was given; 0: not */

	char allow_accounts[CONFIG_LIST], allow_partitions[CONFIG_LIST]; /* "" allows all */
	uint64_t allow_none;                                             /* enum config_answer */
	uint64_t machines_max;                                           /* at once on this host; 0: no limit */
	uint64_t overlay_max;                  /* bytes of all machines' disks, as large as they may get; 0: no limit */
	char user_images[CONFIG_LIST];         /* "" and "no": nobody's; "yes": everybody's; else of these groups */
	char user_images_agent[16];            /* as an image's agent */
	char user_commands[COMMAND_NAMES_MAX]; /* of Slurm that work in users' own images; "": none */
	struct config_partition partitions[CONFIG_PARTITIONS];
	unsigned int partition_count;

	struct config_machine machine;
};

/** Set the defaults. */
void config_default(struct config *config);

/** Read stream (errors call it name) over the defaults. Returns 0 or -EIO with why (EXIT_NODE). */
int config_read(struct config *config, FILE *stream, const char *name, struct failure *why);

/** Read WNODES_CONF, which must be trusted (helper/fs.h). Returns as config_read(). */
int config_load(struct config *config, struct failure *why);

/** The network called name; "user" and "none" are there without a section. NULL where there is none. */
const struct config_network *config_network(const struct config *config, const char *name);

/** Whether text is a pattern of a hostname: letters, digits, - and . with %n and %j. */
bool config_is_hostname(const char *text);

/** slurmd_spool_dir with its %n expanded into spool[PATH_MAX]; 0 or -ENAMETOOLONG or -EINVAL. */
int config_spool(const struct config *config, const char *node, char *spool);

#endif
