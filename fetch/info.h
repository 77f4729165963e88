/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer of `qemu-img info --output=json`. */
#ifndef WNODES_FETCH_INFO_H
#define WNODES_FETCH_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fault.h"

/**
 * Parse text[length]: the format is as declared, qcow2 or else raw, and the
 * image leads to no other file. Returns 0 with the disk's bytes, or -EIO with
 * fault.
 */
int info_parse(const char *text, size_t length, bool qcow2, uint64_t *bytes, struct fault *fault);

#endif
