/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb digest. */
#ifndef WNODES_FETCH_DIGEST_H
#define WNODES_FETCH_DIGEST_H

#include "fetch/fault.h"

/** Report the SHA-256 of the file fd, from its beginning. Returns 0, or -EIO with fault. */
int digest(int fd, struct fault *fault);

#endif
