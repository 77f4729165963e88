/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that srun, sbatch and salloc take, and their syntax. */
#ifndef WNODES_PLUGIN_OPTIONS_H
#define WNODES_PLUGIN_OPTIONS_H

#include <slurm/spank.h>
#include <stdbool.h>
#include <stddef.h>

/* What was given; NULL where an option was not. The strings are the plugin's. */
struct options {
	const char *image;        /* --vm; `none` for no machine */
	const char *console;      /* --vm-console, as given, maybe relative */
	const char *boot_timeout; /* --vm-boot-timeout, seconds */
	const char *mount;        /* --vm-mount, SRC[:DST][:ro],… */
	const char *disk;         /* --vm-disk, [MODE][,KEY=VALUE…] */
	const char *network;      /* --vm-network, NAME[,NAME…] */
};

/**
 * Register the options with Slurm. plugstack.conf may give this plugin no
 * arguments: one that is there is an error. Returns 0 or -1 (logged).
 */
int options_register(spank_t spank, int argc, char **argv);

/** What the callbacks of srun, sbatch, salloc and slurmstepd have seen. */
const struct options *options_given(void);

/** What the job was submitted with, as job_prolog and job_epilog can ask. */
void options_of_job(spank_t spank, struct options *options);

#define OPTIONS_NONE "none" /* --vm=none */

/** The image that was asked for; NULL where none was, or `none`. */
const char *options_image(const struct options *options);

/** Of the options that ask something of a machine, the first that is there; NULL. */
const char *options_needing_machine(const struct options *options);

/**
 * Check the syntax; has_default says that a job without --vm may get a
 * machine. Returns 0, or EXIT_USAGE with one line of text in
 * why[size] that names the option and what to do.
 */
int options_check(const struct options *options, bool has_default, char *why, size_t size);

#endif
