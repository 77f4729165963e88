/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb inspect. */
#ifndef WNODES_FETCH_INSPECT_H
#define WNODES_FETCH_INSPECT_H

#include <stdbool.h>

#include "fetch/fault.h"

/**
 * Report the virtual size of the image fd, once its header and qemu_img, which
 * runs in a child with limits, agree: the format is as declared, and the image
 * leads to no other file. Returns 0, or -EIO with fault.
 */
int inspect(int fd, bool qcow2, const char *qemu_img, struct fault *fault);

#endif
