/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The syntax of --vm-disk: [MODE][,KEY=VALUE…]. No I/O. */
#ifndef WNODES_COMMON_DISK_OPTION_H
#define WNODES_COMMON_DISK_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_WORD_SIZE 16U
#define DISK_MODES "overlay, snapshot, raw or block"
#define DISK_PREALLOCS "off, metadata, falloc or full"
#define DISK_OPTION_MAX 96U               /* bytes of an option that parses */
#define DISK_SIZE_MIN (UINT64_C(1) << 20) /* bytes of a disk that is asked for */
#define DISK_SIZE_MAX (UINT64_C(1) << 50)

/* What was said; "" and 0 where it was not. */
struct disk_option {
	char mode[DISK_WORD_SIZE];     /* overlay, snapshot, raw or block */
	uint64_t size;                 /* bytes */
	char prealloc[DISK_WORD_SIZE]; /* off, metadata, falloc or full */
};

/** Whether there is a mode of that name. */
bool disk_is_mode(const char *word);

/** Whether a disk of that mode is a qcow2 on the base: overlay and snapshot. */
bool disk_mode_is_qcow2(const char *mode);

/**
 * Whether a disk of that mode can be preallocated so: a raw file has no
 * metadata of its own, a block device nothing to allocate.
 */
bool disk_mode_takes_prealloc(const char *mode, const char *prealloc);

/**
 * Parse text. Returns 0, or -EINVAL with what is wrong with it in why[size],
 * without the option's name.
 */
int disk_option_parse(struct disk_option *option, const char *text, char *why, size_t size);

#endif
