/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LVM's own command, as root, in no environment of anybody's and in no job's
 * cgroup, one at a time. Once it runs it runs to its end, also when the job
 * is killed; who comes next waits for it.
 */
#ifndef WNODES_HELPER_DISK_LVM_H
#define WNODES_HELPER_DISK_LVM_H

#include <stddef.h>

#include "helper/failure.h"

#define LVM_PROGRAM "/usr/sbin/lvm"
#define LVM_WORDS 32U
#define LVM_TEXT 1024U

/* A command's words; no word of ours has a blank in it. */
struct lvm_command {
	char text[LVM_TEXT];
	char *argv[LVM_WORDS + 1];
};

/** Take a command line apart at its blanks: "lvs --noheadings …". Returns 0 or -ENAMETOOLONG. */
int lvm_command(struct lvm_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Run it, a minute at most; output[size] receives what it writes, less blanks
 * at both ends of it, or may be NULL. Returns 0 or -EIO with why (EXIT_NODE): what LVM said.
 */
int lvm_run(struct lvm_command *command, char *output, size_t size, struct failure *why);

#endif
