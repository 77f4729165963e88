/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk image's header, looked at without QEMU's code. */
#ifndef WNODES_FETCH_IMAGE_H
#define WNODES_FETCH_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fault.h"

#define IMAGE_HEADER 512U

/**
 * The disk's bytes, in whole sectors, of a file of size bytes that begins with
 * head[length], declared qcow2 or else raw. One that leads to other files, is
 * encrypted, marked as corrupt or of another format is refused. Returns 0, or
 * -EIO with fault.
 */
int image_check(const uint8_t *head, size_t length, uint64_t size, bool qcow2, uint64_t *bytes, struct fault *fault);

/** image_check() of the file fd. */
int image_header(int fd, bool qcow2, uint64_t *bytes, struct fault *fault);

#endif
